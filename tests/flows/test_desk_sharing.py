# SPDX-License-Identifier: Apache-2.0
"""Sharing at the desk in a real browser: its fingerprints are the agent's, and pictures stay.

A proxy between browser and hub records every byte that leaves the browser.
"""

import base64
import re
import socket
import threading
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from stemtide.fingerprints.image.fingerprint import fingerprint_image
from stemtide.fingerprints.limits import DecodingLimits
from tests.flows.steps import Steps, check
from tests.flows.test_crisis_access import NARROW, OFFICER, RULES, WIDE

pytestmark = [pytest.mark.flow, pytest.mark.browser]

MOST_BITS = 2
"""Most bits between the browser's PDQ and the agent's."""

ASK_WORKER = """
async ({kernels, worker, pictures}) => {
  const made = new Worker(worker, {type: "module"});
  made.postMessage({kernels: await (await fetch(kernels)).arrayBuffer()});
  const answers = {};
  for (const [name, text] of Object.entries(pictures)) {
    const content = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
    answers[name] = await new Promise((resolve) => {
      made.onmessage = (event) => resolve(event.data);
      made.postMessage({id: name, content, isOriginal: true});
    });
  }
  made.terminate();
  return answers;
}
"""
PUT_FILES = """
({kind, files}) => {
  const carrier = new DataTransfer();
  for (const [name, text] of files) {
    const content = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    carrier.items.add(new File([content], name));
  }
  const event = kind === "drop"
    ? new DragEvent("drop", {dataTransfer: carrier, bubbles: true, cancelable: true})
    : new ClipboardEvent("paste", {clipboardData: carrier, bubbles: true, cancelable: true});
  document.body.dispatchEvent(event);
}
"""


def scene(width=640, height=480, *, seed=0):
    """A picture with shapes and noise in colour, so that no hash of it is dull."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (9, 12, 3), np.uint8)
    picture = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.integers(-12, 13, (height, width, 3))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def saved(picture, form, **more):
    file = BytesIO()
    picture.save(file, form, **more)
    return file.getvalue()


def turned(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def veiled(picture):
    picture = picture.convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def few_pictures():
    """One picture of each kind of format, for the short suite."""
    picture = scene()
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    palette = picture.convert("P", palette=Image.Palette.ADAPTIVE)
    frames = [scene(200, 150, seed=seed) for seed in range(3)]
    return {
        "jpeg": saved(picture, "JPEG"),
        "turned jpeg": saved(picture, "JPEG", exif=turned(6)),
        "png with alpha": saved(veiled(picture), "PNG"),
        "png of 16 bits": saved(deep, "PNG"),
        "transparent gif": saved(palette, "GIF", transparency=3),
        "animated gif": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "webp": saved(picture, "WEBP"),
        "avif": saved(picture, "AVIF"),
    }


def many_pictures():
    """Further pictures of every format that Chromium decodes, and large ones."""
    picture = scene(seed=1)
    palette = picture.convert("P", palette=Image.Palette.ADAPTIVE)
    frames = [scene(200, 150, seed=seed) for seed in range(4)]
    moving = {"save_all": True, "append_images": frames[1:], "duration": 200}
    pictures = {
        f"jpeg turned {turn}": saved(picture, "JPEG", exif=turned(turn)) for turn in range(1, 9)
    }
    return pictures | {
        "progressive": saved(picture, "JPEG", progressive=True),
        "jpeg 4:4:4": saved(picture, "JPEG", subsampling=0),
        "grey jpeg": saved(picture.convert("L"), "JPEG"),
        "cmyk": saved(picture.convert("CMYK"), "JPEG"),
        "small jpeg": saved(scene(40, 33), "JPEG"),
        "png": saved(picture, "PNG"),
        "palette": saved(palette, "PNG"),
        "palette with a transparent colour": saved(palette, "PNG", transparency=3),
        "two colours": saved(picture.convert("1"), "PNG"),
        "grey with alpha": saved(picture.convert("LA"), "PNG"),
        "gif": saved(palette, "GIF"),
        "turned webp": saved(picture, "WEBP", exif=turned(6)),
        "webp with alpha": saved(veiled(picture), "WEBP"),
        "lossless webp": saved(veiled(picture), "WEBP", lossless=True),
        "avif with alpha": saved(veiled(picture), "AVIF"),
        "avif of limited range": saved(picture, "AVIF", range="limited"),
        "bmp": saved(picture, "BMP"),
        "moving webp": saved(frames[0], "WEBP", **moving),
        "moving png": saved(frames[0], "PNG", **moving),
        "moving avif": saved(frames[0], "AVIF", **moving),
        "12 megapixels": saved(scene(4000, 3000), "JPEG", quality=90),
        "24 megapixels": saved(scene(6000, 4000), "PNG", compress_level=1),
    }


def differences(chromium, address, pictures):
    """How far the browser's fingerprints are from the agent's: what is too far, in words."""
    context = chromium.new_context(base_url=address)
    page = context.new_page()
    page.goto("/sign-in")
    place = "/static/desk/share"
    texts = {name: base64.b64encode(content).decode() for name, content in pictures.items()}
    sent = {"kernels": f"{place}/kernels.wasm", "worker": f"{place}/worker.js", "pictures": texts}
    answers = page.evaluate(ASK_WORKER, sent)
    context.close()
    return [
        f"{name}: {fault}"
        for name, content in pictures.items()
        if (fault := difference(answers[name], content))
    ]


def difference(answer, content):
    """What is wrong with one answer of the worker; "" if nothing is."""
    if "refusal" in answer:
        return f"refused: {answer['refusal']}"
    expected = fingerprint_image(content, limits=DecodingLimits()).each
    prints = [row for row in answer["result"]["prints"] if row["kind"] == "pdq"]
    if len(prints) != len(expected):
        return f"{len(prints)} hashes, not {len(expected)}"
    bits = max(
        (int(row["value"], 16) ^ int(other.hex, 16)).bit_count()
        for row, other in zip(prints, expected, strict=True)
    )
    qualities = [
        (row["quality"], other.quality) for row, other in zip(prints, expected, strict=True)
    ]
    is_near = all(abs(quality - other) <= 1 for quality, other in qualities)
    return "" if bits <= MOST_BITS and is_near else f"{bits} bits, qualities {qualities}"


def test_a_browser_fingerprints_pictures_as_the_agent_does(chromium, furnished):
    assert differences(chromium, furnished.address, few_pictures()) == []


def test_a_browser_fingerprints_every_format_as_the_agent_does(chromium, furnished):
    assert differences(chromium, furnished.address, many_pictures()) == []


class Recorder:
    """A proxy to a hub that records what the browser sends."""

    def __init__(self, address):
        host, port = re.fullmatch(r"http://([\d.]+):(\d+)", address).groups()
        self._target = host, int(port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._sent = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def sent(self):
        return b"".join(self._sent)

    def _serve(self):
        while True:
            try:
                browser, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(browser,), daemon=True).start()

    def _carry(self, browser):
        with browser, socket.create_connection(self._target) as hub:
            answers = threading.Thread(target=pass_on, args=(hub, browser, len), daemon=True)
            answers.start()
            pass_on(browser, hub, self._sent.append)
            answers.join()

    def close(self):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def pass_on(source, target, record):
    """Carry bytes from one socket to another until either closes."""
    with suppress(OSError):
        while piece := source.recv(65536):
            record(piece)
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def pieces_sent(content, sent):
    """How many pieces of 24 bytes of a file are in what was sent, in any usual spelling."""
    pieces = [content[at : at + 24] for at in range(0, len(content) - 24, 24)]
    lower = sent.lower()
    return sum(
        piece in sent or base64.b64encode(piece) in sent or piece.hex().encode() in lower
        for piece in pieces
    )


@pytest.fixture
def recorder(furnished):
    recorder = Recorder(furnished.address)
    yield recorder
    recorder.close()


def officer(chromium, address, password, *, who=OFFICER, **how):
    """The page of a duty officer, or another, who is signed in, in a browser of their own."""
    page = chromium.new_context(base_url=address, **how).new_page()
    page.goto("/sign-in")
    page.get_by_label("Mail address").fill(who)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#menu").wait_for(state="attached")
    return page


def put_files(page, kind, **files):
    listed = [
        (name.replace("_", "."), base64.b64encode(content).decode())
        for name, content in files.items()
    ]
    page.evaluate(PUT_FILES, {"kind": kind, "files": listed})


def test_desk_a_picture_is_shared_into_a_crisis_and_stays_on_the_computer(
    chromium, furnished, recorder
):
    picture = saved(scene(seed=7), "JPEG")
    page = officer(chromium, recorder.address, furnished.password, viewport=WIDE)
    steps = Steps(page)
    steps.begin(f"/crises/{furnished.parts['crisis']}")
    put_files(page, "drop", scene_jpg=picture)
    steps.steps += 1
    share = page.get_by_role("button", name="Share", exact=True)
    expect(share).to_be_focused()
    expect(page.get_by_role("heading", name="scene.jpg")).to_be_visible()
    assert page.get_by_label("Crisis", exact=True).input_value() == furnished.parts["crisis"]
    steps.press("Enter")
    expect(page.get_by_role("heading", name="3 signals are live")).to_be_visible()
    check("Share a picture into a crisis", steps)
    assert pieces_sent(picture, recorder.sent) == 0
    value = fingerprint_image(picture, limits=DecodingLimits()).each[0].hex
    assert value[:8].encode() in recorder.sent  # the recorder hears what is sent
    steps.reset()
    steps.press_button("Undo")
    expect(page.get_by_text("Withdrawn: 3 signals.")).to_be_visible()
    check("Undo it", steps)


def test_desk_a_text_leaves_the_computer_only_after_consent(chromium, furnished, recorder):
    words = b"They met at the harbour before the attack and filmed what they did there. " * 20
    page = officer(chromium, recorder.address, furnished.password, viewport=NARROW)
    page.goto("/share")
    put_files(page, "drop", notes_txt=words)
    expect(page.get_by_text("tick the box to send it to the hub")).to_be_visible()
    assert pieces_sent(words, recorder.sent) == 0
    page.get_by_label("Send the text or file to the hub").check()
    expect(page.get_by_role("heading", name="notes.txt")).to_be_visible()
    assert pieces_sent(words, recorder.sent) > 0
    assert b"notes.txt" not in recorder.sent
    faults = Axe().run(page, options={"runOnly": RULES}).response["violations"]
    assert [fault["id"] for fault in faults] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_desk_files_and_words_are_taken_anywhere_on_the_board(chromium, furnished):
    page = officer(chromium, furnished.address, furnished.password, viewport=WIDE)
    page.goto("/")
    put_files(
        page, "paste", image_png=saved(scene(seed=8), "PNG"), photo_heic=b"\0\0\0\x18ftypheic"
    )
    expect(page.get_by_text("without digests: the clipboard changed the file")).to_be_visible()
    expect(page.get_by_text("cannot decode heic pictures")).to_be_visible()
    expect(page.get_by_text("stemtide signal share 'photo.heic'")).to_be_visible()
    expect(page.locator(".share__prints li")).to_have_count(1)
    page.get_by_label("Hashes, web addresses or a text").fill("ab12" * 16)
    page.get_by_role("button", name="Check content").click()
    expect(page.locator(".share__prints li")).to_have_count(2)


def test_no_page_may_run_webassembly_and_the_worker_may_connect_to_nothing(chromium, furnished):
    page = officer(chromium, furnished.address, furnished.password)
    for path in ("/", "/share", f"/crises/{furnished.parts['crisis']}"):
        assert "wasm" not in page.goto(path).header_value("content-security-policy")
    worker = page.request.get("/static/desk/share/worker.js")
    policy = worker.headers["content-security-policy"]
    assert policy == "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"
