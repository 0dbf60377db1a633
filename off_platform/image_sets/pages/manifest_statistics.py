"""Counts the statistics of a data card from a manifest, in SQL.

Columns that the manifest lacks, as those of earlier versions do, count as empty.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from off_platform.image_sets.declaration.shares import EXCLUDED
from off_platform.image_sets.manifest import COLUMNS, NOT_IN_OLDER_ONES, TEXT_KINDS
from off_platform.image_sets.pages.card_statistics import (
    DOMINANT_SHARE,
    FEW_SAMPLES,
    SIDES,
    SMALL_PIXELS,
    CardStatistics,
    ClassFigures,
    Dominance,
    SplitFigures,
)
from off_platform.storage.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

TOP_CLASSES = 20
TOP_LANGUAGES = 12
TOP_REASONS = 5
# Values counted exactly to find the most frequent one; several may be equally frequent.
LIKELY = 8
# Of a column with the names of splits.
ORDER_OF_SPLITS = (
    f"{{0}} = {literal(EXCLUDED)}, "
    "coalesce(list_position(['train', 'validation', 'test'], {0}), 9), {0}"
)
_NUMBERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"})
# An undeclared class label has no more classes than this share of its samples: a name is none.
CLASSES_SHARE_MOST = 0.2
# Columns that older manifests lack, with their types.
_NEWER = {column.name: column.sql for column in COLUMNS if column.name in NOT_IN_OLDER_ONES}


def count_statistics(
    connection: "duckdb.DuckDBPyConnection", manifest: str, class_label: str | None = None
) -> CardStatistics:
    """Counts the statistics of a set.

    Args:
        connection: DuckDB that can read the manifest.
        manifest: SQL of its rows.
        class_label: the label whose values are the classes; by default the first label of which
            several samples share a value.
    """
    return _Counting(connection, manifest, class_label).statistics


@dataclass(frozen=True)
class _Counting:
    """The queries, each over only the columns that it needs."""

    connection: "duckdb.DuckDBPyConnection"
    manifest: str
    class_label: str | None

    @property
    def statistics(self) -> CardStatistics:
        samples, photos, copies, small, groups, grouped, grouping = self._ask(f"""
            SELECT count(DISTINCT sample), count(*), count(md5) - count(DISTINCT md5),
                count(*) FILTER ({_SIDE} < {SMALL_PIXELS}),
                count(DISTINCT duplicate_group), count(duplicate_group),
                count(perceptual_hash) > 0
            FROM {self._kept}""")[0]
        return CardStatistics(
            samples=samples,
            photos=photos,
            copies=copies,
            small=small,
            groups=groups,
            grouped=grouped,
            grouping=grouping,
            sides=self._sides(),
            classes=self._classes(),
            languages=self._languages(),
            splits=self._splits(),
            dominant=self._dominant(),
            excluded=self._excluded(),
        )

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(query).fetchall())

    @cached_property
    def _types(self) -> dict[str, str]:
        return {name: kind for name, kind, *_ in self._ask(f"DESCRIBE FROM {self.manifest}")}

    @property
    def _labels(self) -> list[str]:
        known = {column.name for column in COLUMNS}
        return [name for name in self._types if name not in known]

    @cached_property
    def _rows(self) -> str:
        """The manifest, with null for the columns that it lacks."""
        lacking = [
            f"NULL::{kind} AS {name}" for name, kind in _NEWER.items() if name not in self._types
        ]
        return f"(SELECT {', '.join(['*', *lacking])} FROM {self.manifest})"

    @cached_property
    def _photos(self) -> str:
        return f"""(FROM {self._rows} WHERE status = 'fetched' AND kind NOT IN {TEXT_KINDS})"""

    @cached_property
    def _kept(self) -> str:
        return f"(FROM {self._photos} WHERE split IS DISTINCT FROM {literal(EXCLUDED)})"

    def _sides(self) -> tuple[int, ...]:
        place = " + ".join(f"({_SIDE} >= {bound})::INTEGER" for bound in SIDES)
        found = dict(
            self._ask(f"""SELECT {place}, count(*) FROM {self._kept}
                WHERE {_SIDE} IS NOT NULL GROUP BY 1""")
        )
        return tuple(found.get(place, 0) for place in range(len(SIDES) + 1))

    @cached_property
    def _is_repeated(self) -> bool:
        """Whether a sample has several photos, each with the labels of the sample."""
        return bool(self._ask(f"SELECT count(DISTINCT sample) < count(*) FROM {self._kept}")[0][0])

    def _values(self, label: str) -> str:
        """Each value of a label as text, once per sample; a list has several."""
        column = identifier(label)
        several = self._types[label].endswith("[]")
        value = f"unnest(list_distinct({column}))" if several else column
        distinct = "DISTINCT" if self._is_repeated else ""
        return f"""(SELECT {distinct} sample, value::VARCHAR AS value
            FROM (SELECT sample, {value} AS value FROM {self._kept}) WHERE value IS NOT NULL)"""

    def _labelled(self, label: str) -> int:
        """Number of samples with a value of a label."""
        column = identifier(label)
        there = f"len({column}) > 0" if self._types[label].endswith("[]") else f"{column} NOTNULL"
        samples = "DISTINCT sample" if self._is_repeated else "*"
        ((found,),) = self._ask(f"SELECT count({samples}) FROM {self._kept} WHERE {there}")
        return int(found)

    @cached_property
    def _class_label(self) -> str | None:
        if self.class_label in self._types:
            return self.class_label
        for label in self._labels:
            classes, samples = self._ask(
                f"SELECT approx_count_distinct(value), count(*) FROM {self._values(label)}"
            )[0]
            if 0 < classes <= CLASSES_SHARE_MOST * samples:
                return label
        return None

    def _classes(self) -> ClassFigures | None:
        label = self._class_label
        if label is None:
            return None
        counted = f"(SELECT value, count(*) AS samples FROM {self._values(label)} GROUP BY value)"
        order = "value::DOUBLE" if self._types[label] in _NUMBERS else "samples DESC, value"
        top = self._ask(f"""FROM (FROM {counted} ORDER BY samples DESC, value LIMIT {TOP_CLASSES})
            ORDER BY {order}""")
        classes, few = self._ask(f"""SELECT count(*), count(*) FILTER (samples < {FEW_SAMPLES})
            FROM {counted}""")[0]
        ((samples,),) = self._ask(f"SELECT count(DISTINCT sample) FROM {self._kept}")
        return ClassFigures(
            label=label,
            top=tuple(top),
            classes=classes,
            few=few,
            unlabelled=samples - self._labelled(label),
            by_split=self._by_split(label, [value for value, _ in top]),
        )

    def _by_split(self, label: str, top: list[str]) -> tuple[tuple[str, str, int], ...]:
        named = ", ".join(map(literal, top)) or "NULL"
        found = self._ask(f"""
            SELECT value, split, count(*) FROM {self._values(label)}
            JOIN (SELECT DISTINCT sample, split FROM {self._kept} WHERE split IS NOT NULL)
                USING (sample)
            WHERE value IN ({named}) GROUP BY ALL ORDER BY ALL""")
        return tuple(found)

    def _languages(self) -> tuple[tuple[str, int], ...]:
        # The language may be on the row of the text only.
        found = self._ask(f"""SELECT ocr_language, count(DISTINCT sample) AS samples
            FROM {self._rows} WHERE ocr_language IS NOT NULL
                AND split IS DISTINCT FROM {literal(EXCLUDED)}
            GROUP BY 1 ORDER BY samples DESC, 1 LIMIT {TOP_LANGUAGES}""")
        return tuple(found)

    def _splits(self) -> tuple[SplitFigures, ...]:
        found = self._ask(f"""
            SELECT split, count(DISTINCT sample), count(*), count(DISTINCT unit)
            FROM {self._photos} WHERE split IS NOT NULL GROUP BY 1
            ORDER BY {ORDER_OF_SPLITS.format("split")}""")
        return tuple(
            SplitFigures(name=name, samples=samples, photos=photos, units=units)
            for name, samples, photos, units in found
        )

    def _dominant(self) -> tuple[Dominance, ...]:
        """The most frequent value of each label of texts, if it dominates."""
        texts = [each for each in self._labels if self._types[each] in {"VARCHAR", "VARCHAR[]"}]
        classes = [each for each in self._labels if each == self._class_label]
        found: list[Dominance] = []
        for label in dict.fromkeys((*classes, *texts)):
            values = self._values(label)
            # It always has a value that most samples have, in little memory.
            ((likely,),) = self._ask(f"SELECT approx_top_k(value, {LIKELY}) FROM {values}")
            if not likely:
                continue
            named = ", ".join(map(literal, likely))
            ((value, samples),) = self._ask(f"""SELECT value, count(*) AS samples FROM {values}
                WHERE value IN ({named}) GROUP BY value ORDER BY samples DESC, value LIMIT 1""")
            labelled = self._labelled(label)
            if samples > DOMINANT_SHARE * labelled:
                most = Dominance(label=label, value=value, samples=samples, labelled=labelled)
                found.append(most)
        return tuple(found)

    def _excluded(self) -> tuple[tuple[str, int], ...]:
        """The reasons, those that differ only in the sample that they name as one."""
        found = self._ask(f"""
            SELECT trim(regexp_replace(excluded_because, '\\S*[0-9]\\S*', '…', 'g')) AS reason,
                count(DISTINCT sample) AS samples
            FROM {self._rows} WHERE excluded_because IS NOT NULL
            GROUP BY 1 ORDER BY samples DESC, 1 LIMIT {TOP_REASONS}""")
        return tuple(found)


# Of the photo in the set, which may have been made smaller; the same however it is turned.
_SIDE = """greatest(coalesce(stored_width, width), coalesce(stored_height, height))"""
