"""A month in words, as Markdown: what the bucket has, what is new and what is gone. Pure.

The figures are from `months.py`, the charts in `story_charts.py`.
"""

from collections.abc import Sequence
from datetime import date

from off_platform.images.months import MonthFigures, OfCountry
from off_platform.images.snapshots import missed_months
from off_platform.previews import markdown_table
from off_platform.words import counted, few, share

MOST_COUNTRIES = 10
# Two years; the table `months` has all.
MOST_MONTHS = 24


def month_story(figures: MonthFigures, before: MonthFigures | None, of: Sequence[OfCountry]) -> str:
    """What happened in a month.

    Args:
        figures: of the month.
        before: of the previous snapshot, if there is one.
        of: its new and gone products by country.
    """
    paragraphs = [_there(figures, before)]
    if figures.since is None:
        paragraphs.append("This is the first snapshot; there is none to compare with.")
        return "\n\n".join(paragraphs)
    paragraphs += [_changed(figures), *_missed(figures)]
    if of:
        paragraphs += [_countries(of), _NOT_MADE_THERE]
    return "\n\n".join(paragraphs)


def months_table(months: Sequence[MonthFigures]) -> str:
    """All snapshots as a Markdown table, the newest first."""
    names = ["month", "products", "new", "gone", "photos", "with OCR", "objects"]
    rows = [
        (
            each.month[:7],
            f"{each.products:,}",
            *("" if of is None else f"{of:,}" for of in (each.products_new, each.products_gone)),
            f"{each.photos:,}",
            share(each.photos_with_ocr, each.photos) if each.photos else "",
            f"{each.objects:,}",
        )
        for each in reversed(months[-MOST_MONTHS:])
    ]
    return markdown_table(names, rows, escape=False)


def month_name(month: str) -> str:
    """Such as `November 2026`."""
    return f"{date.fromisoformat(month):%B %Y}"


def _there(figures: MonthFigures, before: MonthFigures | None) -> str:
    said = (
        f"**{month_name(figures.month)}**: {counted(figures.products, 'product')} with "
        f"{counted(figures.photos, 'photo')}, in {counted(figures.objects, 'object')}."
    )
    if not figures.photos:
        return said
    said += f" {share(figures.photos_with_ocr, figures.photos)} of the photos have an OCR result"
    if before and before.photos:
        said += f" (before: {share(before.photos_with_ocr, before.photos)})"
    return f"{said}."


def _changed(figures: MonthFigures) -> str:
    new, gone = figures.products_new or 0, figures.products_gone or 0
    of_new, of_gone = ("is" if number == 1 else "are" for number in (new, gone))
    return (
        f"Since {month_name(figures.since or '')}, **{counted(new, 'product')} {of_new} new** and "
        f"**{gone:,} {of_gone} gone**. Objects added: {figures.objects_added or 0:,}, removed: "
        f"{figures.objects_removed or 0:,}."
    )


def _missed(figures: MonthFigures) -> list[str]:
    missed = missed_months(figures.since, figures.month)
    if not missed:
        return []
    named, have = few([month_name(each) for each in missed]), "have" if missed[1:] else "has"
    return [f"This covers {len(missed) + 1} months: {named} {have} no snapshot."]


def _countries(of: Sequence[OfCountry]) -> str:
    rows: list[tuple[object, ...]] = [
        (each.country, f"{each.new:,}", f"{each.gone:,}") for each in of[:MOST_COUNTRIES]
    ]
    if rest := of[MOST_COUNTRIES:]:
        new, gone = (sum(numbers) for numbers in zip(*(each[1:] for each in rest), strict=True))
        rows.append((f"{len(rest)} more", f"{new:,}", f"{gone:,}"))
    return markdown_table(["country of the GS1 prefix", "new", "gone"], rows, escape=False)


_NOT_MADE_THERE = (
    "The prefix says where the barcode was issued, not where the product was made or is sold."
)
