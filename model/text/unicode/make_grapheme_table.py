#!/usr/bin/env python3
"""Writes tables_graphemes.cpp: what each character does at the borders of grapheme clusters (UAX 29), by Unicode 17.0: the
reference, whose patterns have Unicode 16, looks for clusters with a library of that age.

In a virtual environment of its own: pip install unicodedata2==17.0.0 regex==2025.11.3; python make_grapheme_table.py
"""

import make_tables as tables

tables.VERSION = "17.0.0"

# The order of enum GraphemeKind. What Indic conjuncts and emoji ask splits the Grapheme_Cluster_Break values that it cuts through.
KINDS = {
    "other": r"\p{GCB=Other}",
    "cr": r"\p{GCB=CR}",
    "lf": r"\p{GCB=LF}",
    "control": r"\p{GCB=Control}",
    "extend": r"\p{GCB=Extend}",
    "conjunct_extend": r"[\p{GCB=Extend}&&\p{InCB=Extend}]",
    "linker": r"[\p{GCB=Extend}&&\p{InCB=Linker}]",
    "joiner": r"\p{GCB=ZWJ}",
    "regional": r"\p{GCB=Regional_Indicator}",
    "prepend": r"\p{GCB=Prepend}",
    "spacing": r"\p{GCB=SpacingMark}",
    "hangul_l": r"\p{GCB=L}",
    "hangul_v": r"\p{GCB=V}",
    "hangul_t": r"\p{GCB=T}",
    "hangul_lv": r"\p{GCB=LV}",
    "hangul_lvt": r"\p{GCB=LVT}",
    "picture": r"[\p{GCB=Other}&&\p{Extended_Pictographic}]",
    "consonant": r"[\p{GCB=Other}&&\p{InCB=Consonant}]",
}


def main():
    tables.check_versions()
    kinds = [3] * 0x110000  # surrogates are controls
    for number, expression in enumerate(KINDS.values()):
        for code in tables.members("(?V1)" + expression):
            kinds[code] = number
    for name in ("Linker", "Consonant", "Extend"):
        of_name = {list(KINDS)[kinds[code]] for code in tables.members(rf"\p{{InCB={name}}}")}
        assert of_name <= {"linker", "consonant", "conjunct_extend", "joiner"}, of_name
    runs = [code << 5 | value for code, value in tables.runs_of(enumerate(kinds))]
    tables.write("graphemes", [tables.packed("uint32_t", "kGraphemeRuns", runs)])
    written = tables.HERE / "tables_graphemes.cpp"
    written.write_text(written.read_text().replace("make_tables.py", "make_grapheme_table.py"))


if __name__ == "__main__":
    main()
