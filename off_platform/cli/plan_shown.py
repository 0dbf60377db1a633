"""A plan as a table with bars, and as JSON."""

import json
from typing import Any

from rich.markup import escape
from rich.table import Table

from off_platform.cli.context import err, out
from off_platform.image_sets.planning.estimates import Estimate
from off_platform.image_sets.planning.planner import Conditions, KindPlan, SetPlan
from off_platform.image_sets.request import Chosen
from off_platform.words import duration, size

BAR = 24
UNKNOWN = "unknown"


def show(name: str, wing: str, chosen: Chosen, plan: SetPlan, conditions: Conditions) -> None:
    """Prints a plan.

    Args:
        name: of the set.
        wing: of the set.
        chosen: its objects.
        plan: what it takes.
        conditions: under which.
    """
    out.print(
        f"[bold]{escape(name)}[/] ({wing}): {plan.form.samples:,} of {chosen.candidates:,} "
        f"candidates, chosen from {escape(chosen.chosen_from)}.",
        highlight=False,
        soft_wrap=True,
    )
    out.print(_kinds(plan))
    out.print()
    out.print(_limits(plan, conditions))
    out.print()
    out.print(_room(plan))
    for sentence in filter(None, (_money(plan, conditions), *_warnings(plan))):
        out.print(escape(sentence), highlight=False, soft_wrap=True)
    if plan.problem:
        err.print(escape(f"Sizes: {plan.problem}."), highlight=False, soft_wrap=True)


def _kinds(plan: SetPlan) -> Table:
    table = Table("kind", show_edge=False, show_footer=len(plan.kinds) > 1)
    totals = (
        ("objects", plan.objects),
        ("in the set", sum(each.counted.in_set + each.counted.done for each in plan.kinds)),
        ("requests", plan.gets),
    )
    table.columns[0].footer = "together"
    for title, total in totals:
        table.add_column(title, justify="right", footer=f"{total:,}")
    for title, estimate in (("to fetch", plan.fetched), ("in the end", plan.stored)):
        table.add_column(title, justify="right", footer=_bytes(estimate))
        table.add_column("95 %", justify="right", style="dim", footer=_interval(estimate))
    for each in plan.kinds:
        counted = each.counted
        numbers = (counted.objects, counted.in_set + counted.done, counted.requested)
        table.add_row(
            counted.kind,
            *(f"{number:,}" for number in numbers),
            *(_bytes(each.fetched), _interval(each.fetched)),
            *(_bytes(each.stored), _interval(each.stored)),
        )
    return table


def _bytes(estimate: Estimate | None) -> str:
    return size(estimate.likely) if estimate else UNKNOWN


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    if estimate.low == estimate.high:
        return "exact"
    return f"{size(estimate.low)} to {size(estimate.high)}"


def _limits(plan: SetPlan, conditions: Conditions) -> Table:
    """The least time that each part needs; the longest decides."""
    seconds = plan.seconds
    processes = "1 process" if conditions.places == 1 else f"{conditions.places:,} processes"
    named = {
        "bandwidth": f"connection of {conditions.bits / 10**6:,.0f} Mbit/s",
        "interpreters": f"verification in {processes}",
        "prefix": "requests to one prefix of S3",
    }
    table = Table(show_header=False, show_edge=False, box=None, pad_edge=False)
    for name, words in named.items():
        taken = getattr(seconds, name)
        if name == "prefix" and not plan.way.from_s3:
            continue
        share = (taken or 0) / seconds.longest if seconds.longest else 0
        style = "bold" if taken and name == seconds.limit else ""
        shown = UNKNOWN if taken is None else f"at least {duration(taken)}"
        table.add_row(words, shown, _bar(share), style=style)
    return table


def _bar(share: float) -> str:
    filled = min(round(share * BAR), BAR)
    return "█" * filled + "░" * (BAR - filled)


def _room(plan: SetPlan) -> str:
    room = plan.room
    if room.needed is None:
        return (
            f"Space on the disk of {escape(room.where)}: needs {UNKNOWN}, {size(room.free)} free."
        )
    share = room.needed / room.free if room.free else 1.0
    verdict = "[green]fits[/]" if room.fits else "[red]does not fit[/]"
    spilled = f" ({size(plan.spilled)} of them while planning)" if plan.spilled else ""
    return (
        f"{_bar(share)} {verdict}: needs up to {size(room.needed)}{spilled} of {size(room.free)} "
        f"free on the disk of {escape(room.where)}."
    )


def _money(plan: SetPlan, conditions: Conditions) -> str:
    """Requests and dollars; empty if no bucket is used."""
    bill, sentences = plan.bill, []
    if plan.way.from_s3:
        transfer = ""
        if plan.way.regions_differ:
            transfer = f", transfer between regions {_dollars(bill.transfer)}"
        owner = "; the bucket's owner pays" if bill.for_owner else ""
        sentences.append(f"{plan.gets:,} GET requests {_dollars(bill.get)}{transfer}{owner}.")
    if plan.way.to_s3:
        sentences.append(
            f"Lake: {plan.puts:,} PUT requests {_dollars(bill.put)}, storage "
            f"{_dollars(bill.storage)} a month."
        )
    return " ".join([*sentences, f"Prices: {conditions.prices.source}."]) if sentences else ""


def _dollars(amount: float | None) -> str:
    return f"{UNKNOWN} $" if amount is None else f"{amount:,.2f} $"


def _warnings(plan: SetPlan) -> list[str]:
    missing = sum(each.missing for each in plan.kinds)
    sampled = sum(each.sampled for each in plan.kinds)
    found = list(plan.warnings)
    if missing:
        found.append(f"Not in the bucket: {missing:,} of {sampled:,} sampled objects.")
    return found


def as_json(name: str, wing: str, chosen: Chosen, plan: SetPlan, conditions: Conditions) -> str:
    """A plan for programs; bytes and dollars are null where they are unknown."""
    bill = plan.bill
    return json.dumps(
        {
            "set": name,
            "wing": wing,
            "chosen_from": chosen.chosen_from,
            "candidates": chosen.candidates,
            "samples": plan.form.samples,
            "objects": plan.objects,
            "kinds": [_kind(each) for each in plan.kinds],
            "bytes_to_fetch": _estimate(plan.fetched),
            "bytes_of_set": _estimate(plan.stored),
            "seconds": {**vars(plan.seconds), "least": plan.seconds.longest},
            "limit": plan.seconds.limit,
            "bandwidth_bits": conditions.bits,
            "places": conditions.places,
            "space": {
                "disk": plan.room.where,
                "needed": plan.room.needed,
                "spilled": plan.spilled,
                "free": plan.room.free,
            },
            "fits": plan.room.fits,
            "requests": {"get": plan.gets, "put": plan.puts},
            "dollars": {
                "get": bill.get,
                "transfer": bill.transfer,
                "put": bill.put,
                "storage_month": bill.storage,
                "get_and_transfer_paid_by_owner": bill.for_owner,
            },
            "prices": {**vars(conditions.prices), "source": conditions.prices.source},
            "warnings": _warnings(plan),
            "problem": plan.problem,
        },
        ensure_ascii=False,
        indent=1,
    )


def _estimate(estimate: Estimate | None) -> dict[str, int] | None:
    return None if estimate is None else {**vars(estimate)}


def _kind(each: KindPlan) -> dict[str, Any]:
    counted = each.counted
    return {
        "kind": counted.kind,
        "objects": counted.objects,
        "in_set": counted.in_set,
        "done": counted.done,
        "in_lake": counted.in_lake,
        "new": counted.new,
        "requests": counted.requested,
        "bytes_to_fetch": _estimate(each.fetched),
        "bytes_of_set": _estimate(each.stored),
        "sampled": each.sampled,
        "missing": each.missing,
    }
