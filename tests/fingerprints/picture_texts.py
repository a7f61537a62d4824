# SPDX-License-Identifier: Apache-2.0
"""Texts made here in four languages, and pictures of them: screenshots and photographed pages."""

import textwrap
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

TEXTS = {
    "eng": """The committee for the old harbour calls everybody who lives between the two canals to
        come to the square before the custom house on the evening of the longest day. For nine
        years the promise of a bridge was repeated at every election and forgotten on the
        morning after. We bring lanterns, folding chairs and the drawings that a school class
        made of seven bridges. Whoever owns a boat shall moor it in one row, so that people
        can walk across the water for one night and the council sees from its windows what it
        has never wanted to build.""",
    "nld": """Het comité voor de oude haven roept iedereen die tussen de twee grachten woont op om
        op de avond van de langste dag naar het plein voor het douanehuis te komen. Negen jaar
        lang werd de belofte van een brug bij elke verkiezing herhaald en de ochtend daarna
        vergeten. Wij brengen lantaarns, klapstoelen en de tekeningen mee die een schoolklas
        van zeven bruggen heeft gemaakt. Wie een boot bezit legt die in één rij, zodat mensen
        een nacht lang over het water kunnen lopen en de raad vanuit zijn ramen ziet wat hij
        nooit wilde bouwen.""",
    "fra": """Le comité du vieux port appelle tous ceux qui habitent entre les deux canaux à venir
        sur la place devant la maison des douanes le soir du jour le plus long. Pendant neuf
        ans la promesse d'un pont a été répétée à chaque élection et oubliée le lendemain
        matin. Nous apportons des lanternes, des chaises pliantes et les dessins de sept ponts
        qu'une classe a faits. Celui qui possède un bateau le place dans une seule rangée,
        afin que les gens marchent une nuit sur l'eau et que le conseil voie de ses fenêtres
        ce qu'il n'a jamais voulu bâtir.""",
    "deu": """Das Komitee für den alten Hafen ruft alle, die zwischen den beiden Kanälen wohnen, am
        Abend des längsten Tages auf den Platz vor dem Zollhaus. Neun Jahre lang wurde die
        Brücke bei jeder Wahl versprochen und am Morgen danach vergessen. Wir bringen
        Laternen, Klappstühle und die Zeichnungen von sieben Brücken mit, die eine Schulklasse
        gemacht hat. Wer ein Boot besitzt, legt es in eine einzige Reihe, damit die Menschen
        eine Nacht lang über das Wasser gehen und der Rat von seinen Fenstern aus sieht, was
        er nie bauen wollte.""",
}
OTHER = """The reading room on the second floor will be closed for repairs until the heating works
    again. Books that were ordered before Monday wait at the desk of the museum next door, where the
    porter keeps them in alphabetical order. Please return whatever is due through the slot beside
    the bicycle shed, because nobody empties the large box in the hall during these three weeks."""


def screenshot(text, *, size_px=30, ink="black", paper="white", width=1080):
    """A telephone's picture of a text."""
    font = ImageFont.load_default(size_px)
    lines = textwrap.wrap(" ".join(text.split()), width * 19 // (size_px * 11))
    picture = Image.new("RGB", (width, (len(lines) + 4) * size_px * 3 // 2), paper)
    pen = ImageDraw.Draw(picture)
    pen.multiline_text((40, 60), "\n".join(lines), fill=ink, font=font, spacing=size_px // 3)
    return picture


def photographed(page):
    """The page as a camera sees it: a little turned, unsharp, with a shadow and noise."""
    turned = page.rotate(2, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
    pixels = np.asarray(turned.filter(ImageFilter.GaussianBlur(1))).astype(float)
    light = np.linspace(1.0, 0.6, pixels.shape[1])[None, :, None]
    noise = np.random.default_rng(3).normal(0, 6, pixels.shape)
    return Image.fromarray(np.clip(pixels * light + noise, 0, 255).astype(np.uint8))


def png(picture):
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
