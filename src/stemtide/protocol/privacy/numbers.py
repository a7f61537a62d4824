# SPDX-License-Identifier: Apache-2.0
"""Validate numbers of persons and accounts by their check digits."""

from collections import Counter

IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "NL"), 18),
    **dict.fromkeys(("SI",), 19),
    **dict.fromkeys(("AT", "EE", "LT", "LU"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "DE", "GB", "IE", "VA"), 22),
    **dict.fromkeys(("AD", "CZ", "ES", "RO", "SE", "SK"), 24),
    **dict.fromkeys(("PT",), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("FR", "GR", "IT", "MC", "SM"), 27),
    **dict.fromkeys(("CY", "HU", "PL"), 28),
    **dict.fromkeys(("UA",), 29),
    **dict.fromkeys(("MT",), 31),
}
"""Characters of an account number by country. source: ISO 13616, SWIFT IBAN registry."""

_MONTHS = range(1, 13)
_LAST_DAY = 31
_BELGIAN_MONTHS = {month + higher for month in range(13) for higher in (0, 20, 40)}
_FRENCH_MONTHS = {*_MONTHS, *range(20, 43), *range(50, 100)}
_DIGITS = {letter: str(place) for place, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10)}


def is_iban(text: str) -> bool:
    """Whether capitals and digits without spaces are an IBAN.

    source: ISO 13616; ISO 7064 MOD 97-10.
    """
    if IBAN_LENGTHS.get(text[:2]) != len(text) or not text[2:4].isdecimal():
        return False
    turned = text[4:] + text[:4]
    return int("".join(_DIGITS.get(character, character) for character in turned)) % 97 == 1


def is_belgian(digits: str) -> bool:
    """Whether eleven digits are a Belgian national register number, or one of the second register.

    Year, month, day, three digits for the order within the day, two check digits; the months of the
    second register are 20 or 40 higher. For people born since 2000 the check digits are computed
    with a 2 before the number.

    source: royal decree of 3 April 1984, Art. 2 and 3.
    """
    month, day, check = int(digits[2:4]), int(digits[4:6]), int(digits[9:])
    if month not in _BELGIAN_MONTHS or day > _LAST_DAY:
        return False
    return any(97 - int(before + digits[:9]) % 97 == check for before in ("", "2"))


def is_dutch(digits: str) -> bool:
    """Whether nine digits are a Dutch citizen service number. One in eleven numbers passes.

    source: the eleven test of the Dutch citizen service number, in which the last digit counts -1.
    """
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return total % 11 == 0 and int(digits) > 0


def is_french(text: str) -> bool:
    """Whether fifteen characters are a French social security number with its key.

    Sex, year, month (other ranges if unknown), department (2A, 2B in Corsica), place, order, key.

    source: decree of 22 January 1982 on the national register of persons; key: 97 - number mod 97.
    """
    digits = text[:5] + {"2A": "19", "2B": "18"}.get(text[5:7], text[5:7]) + text[7:]
    if not digits.isdecimal() or int(text[3:5]) not in _FRENCH_MONTHS:
        return False
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def is_german_tax(digits: str) -> bool:
    """Whether eleven digits are a German tax identification number.

    Of the first ten digits, exactly one occurs twice or three times, the others at most once.

    source: Abgabenordnung § 139b; ISO 7064 MOD 11,10.
    """
    first = digits[:10]
    repeats = sorted(count for count in Counter(first).values() if count > 1)
    if digits[0] == "0" or repeats not in ([2], [3]):
        return False
    product = 10
    for digit in first:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(digits[10])


def is_german_pension(text: str) -> bool:
    """Whether twelve characters are a German pension insurance number.

    Area, day, month, year of birth, the name's first letter, two digits, check digit.

    source: VKVV § 2 (insurance number), weights 2 1 2 5 7 1 2 1 2 1 2 1.
    """
    day, month = int(text[2:4]), int(text[4:6])
    if not 1 <= day <= _LAST_DAY or month not in _MONTHS:
        return False
    digits = text[:8] + f"{ord(text[8]) - 64:02d}" + text[9:11]
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    products = (int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return sum(sum(divmod(product, 10)) for product in products) % 10 == int(text[11])
