# SPDX-License-Identifier: Apache-2.0
"""stemtide signal-types: the signal types of other packages that are installed here."""

from typing import Annotated

import typer

from stemtide.cli.output import AsJson, fail, print_note, print_result

signal_types = typer.Typer(
    no_args_is_help=True, help="Signal types of other packages that are installed here."
)
_NONE = "No package here brings a signal type: see docs/use/connect/signal-types.md"


@signal_types.command("list")
def list_types(as_json: AsJson = False) -> None:
    """List installed signal types. Those that cannot be used are listed with the reason."""
    from importlib.metadata import entry_points

    from stemtide.fingerprints.external.installed import GROUP, SignalTypeError, load

    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    for entry in entries:
        row: dict[str, object] = {"name": entry.name, "package": entry.dist and entry.dist.name}
        try:
            signal_type = load(entry)
        except SignalTypeError as error:
            row |= {"usable": False, "text": str(error)}
        else:
            within = f"matches within {signal_type.threshold:g}"
            text = f"{signal_type.media}, version {signal_type.version}, {within}"
            row |= {"usable": True, "text": text}
        print_result(row, as_json=as_json, line=f"{entry.name}  {row['text']}")
    if not entries and not as_json:
        print_note(_NONE)


@signal_types.command("check")
def check(
    name: Annotated[str, typer.Argument(help="The type, such as vendor.type.")],
    as_json: AsJson = False,
) -> None:
    """Run the contract of a signal type: test vectors, speed, memory. Exit code 1 if it fails."""
    from stemtide.fingerprints.external.installed import installed_types
    from stemtide.fingerprints.sandbox.contract_check import check_contract
    from stemtide.fingerprints.sandbox.pool import Sandbox

    signal_type = installed_types().get(name)
    if signal_type is None:
        fail(f"there is no usable signal type {name!r}: see stemtide signal-types list")
    is_kept = True
    with Sandbox(workers=1) as sandbox:
        for result in check_contract(signal_type, sandbox):
            is_kept = is_kept and result.is_kept
            word = "ok" if result.is_kept else "FAIL"
            row: dict[str, object] = {"rule": result.rule, "ok": result.is_kept}
            row["text"] = result.text
            print_result(row, as_json=as_json, line=f"{word:4}  {result.rule}: {result.text}")
    if not is_kept:
        raise typer.Exit(1)


@signal_types.command("value")
def value(
    name: Annotated[str, typer.Argument(help="The type, such as vendor.type.")],
    text: Annotated[str, typer.Argument(help="The text form of a value.")],
) -> None:
    """Print the value of an external signal in hex, from its text form."""
    from stemtide.fingerprints.external.installed import installed_types
    from stemtide.fingerprints.values.external import ExternalValue

    signal_type = installed_types().get(name)
    if signal_type is None:
        fail(f"there is no usable signal type {name!r}: see stemtide signal-types list")
    try:
        packed = ExternalValue(name, signal_type.from_text(text)).to_bytes()
    except ValueError as error:
        fail(f"that is no text form of {name}: {error}")
    print(packed.hex())
