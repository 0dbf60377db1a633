"""Placeholders: marks and words for a missing value, and texts that are not product names. Pure.

A word is a placeholder only as the whole content of a cell, in any case, with or without accents.
Words with a meaning in some field (`nd` is a language, `NC` New Caledonia, `todo` Spanish for
everything, `No Name` a brand) are not in the list for all fields.
"""

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc


def _words(table: str) -> tuple[str, ...]:
    return tuple(re.split(r",\s+", table.strip()))


# A text of only these characters, repeated or not, is a placeholder.
MARKS = "-\u2010-\u2015?\u00bf\uff1f.\u2026_*/~\u00b7"
_ABBREVIATED = _words("""
    n/a, n.a., n. a., n/d, n.d., n. d., n/c, n.c., n.b., n.k., nr, x,
    tbd, t.b.d., tba, t.b.a., tbc, t.b.c.,
    k.a., k. a., k/a, s.o., s. o., n.v.t., nvt, b.d., b/d, н/д, н.д.
""")
# What programs write for missing values: Python, R, SQL, JavaScript, MySQL, Bloomberg, C on
# Windows.
_OF_PROGRAMS = _words(r"""
    nan, -nan, na, <na>, null, (null), <null>, undefined, \n, #na, #n/a n/a,
    1.#ind, -1.#ind, 1.#qnan, -1.#qnan
""")
_SPELLED = _words("""
    unknown, none, not available, not applicable, not specified, not known,
    not provided, no data, no information, missing, to be defined, to be determined,
    to be confirmed, to be completed, to be announced,
    unbekannt, nicht bekannt, keine angabe, keine angaben, keine daten, nicht verfügbar,
    nicht vorhanden, nicht angegeben, nicht zutreffend, entfällt, wird nachgereicht,
    inconnu, inconnue, sans objet, non renseigné, non renseignée, non disponible,
    non défini, non définie, non communiqué, non précisé, non applicable, à compléter,
    a compléter, à définir, à renseigner, à préciser, indisponible,
    desconocido, desconocida, no disponible, no aplica, no aplicable, sin datos,
    sin información, sin especificar, no especificado, por definir, por completar,
    pendiente,
    sconosciuto, sconosciuta, non specificato, non applicabile, da definire,
    da completare,
    desconhecido, desconhecida, não disponível, não aplicável, não informado,
    sem informação, a definir,
    onbekend, niet beschikbaar, niet van toepassing, niet bekend, nog in te vullen,
    nieznany, nieznana, nieznane, brak danych, nie dotyczy, do uzupełnienia,
    okänd, okänt, uppgift saknas, ukendt, ukjent, tuntematon, ei tiedossa,
    neznámý, neznámé, neuvedeno, neznámy, neuvedené, ismeretlen, nincs adat,
    necunoscut, indisponibil, nepoznato, неизвестно, нет данных, не указано, невідомо,
    неизвестен, άγνωστο, bilinmiyor, belirtilmemiş, غير معروف, غير متوفر,
    未知, 不详, 不詳, 暂无, 待定, 不明, 未定, 未設定, 미정, 알 수 없음
""")
# Not names of products, but tests and fillers.
_NO_NAMES = _words("""
    0, true, false, n.n., todo, to do, brak, brak nazwy, kein name,
    no name, noname, no-name, nameless, unnamed, untitled, no title, ohne name,
    ohne namen, unbenannt, sans nom, sans titre, aucun nom, sin nombre, sin título,
    senza nome, sem nome, zonder naam, naamloos, bez nazwy, namnlös, bez názvu,
    без названия, без имени, 無題, 名称未設定, 未命名, 无名称, 이름 없음,
    test, tests, testing, test test, test product, product test, testproduct,
    testprodukt, test produkt, testartikel, test artikel, test produit, produit test,
    produit de test, producto de prueba, prodotto di prova, produto de teste, prueba,
    prova, тест, 测试, テスト, 테스트, dummy, dummy product, placeholder,
    platzhalter, lorem ipsum, asdf, qwerty, qwertz, azerty, foo, foobar,
    sample product, example product, product name, product_name,
    name of product, name of the product,
    produktname, nom du produit, nombre del producto, nome del prodotto, nome do produto,
    productnaam
""")


def _spellings(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words with and without accents."""
    return tuple(dict.fromkeys(each for word in words for each in (word, _unaccented(word))))


def _unaccented(word: str) -> str:
    """Removes accents of Latin words; in other scripts they are part of the letter."""
    letters = unicodedata.normalize("NFKD", word)
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return plain if plain.isascii() else word


# Alone in a cell, in any case.
MISSING = _spellings((*_ABBREVIATED, *_OF_PROGRAMS, *_SPELLED))
# The same with surrounding characters, and words that are not names, for product names.
_AROUND = " \"'`()[]<>{}?.\u2026:-_*"
_NAMELESS = tuple(word.strip(_AROUND) for word in (*MISSING, *_spellings(_NO_NAMES)))
# Numbered fillers, and repeated letters of a key held down.
_TRIED = "test[ _#-]*[0-9]{1,4}|x{3,}"


def names_a_product(texts: pa.StringArray) -> pa.BooleanArray:
    """Which texts have a letter, digit or symbol, and are not fillers.

    Args:
        texts: from the column of product names; null for missing ones.
    """
    plain = pc.replace_substring_regex(pc.utf8_lower(texts), r"\s+", " ")
    plain = pc.utf8_trim(plain, characters=_AROUND)
    plain = pc.replace_substring_regex(plain, f"^(?:{_TRIED})$", "test")
    says = pc.match_substring_regex(plain, r"[\pL\pN\x{2600}-\x{27bf}\x{1f300}-\x{1faff}]")
    return pc.and_(says, pc.invert(pc.is_in(plain, pa.array(_NAMELESS))))
