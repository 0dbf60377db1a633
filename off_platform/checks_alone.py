"""Checks of an asset that can run alone: what is stored is looked at, nothing is made again.

Dagster offers *Execute* for a check if its step can be run for a part of what it declares. The step
of an asset is therefore one of two functions: one makes, one evaluates the same rules over what is
in the lake.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

import dagster as dg

from off_platform.quality import Finding, Table

# What a function that evaluates gives: the table, its asset, and the findings by rule.
Evaluated = Iterable[tuple[Table, str, Mapping[str, Finding]]]


def alone_or_made(
    evaluate: Callable[..., Evaluated],
) -> Callable[[Callable[..., Any]], Callable[..., Iterator[Any]]]:
    """Decorates the function that makes assets, so that their checks can also run alone.

    For use below `multi_asset(can_subset=True)`.

    Args:
        evaluate: takes the same arguments, by the names that it has; raises if nothing is stored.
    """
    wanted = inspect.signature(evaluate).parameters

    def decorate(make: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        @wraps(make)
        def step(context: dg.AssetExecutionContext, **given: Any) -> Iterator[Any]:
            if context.selected_asset_keys:
                yield from _selected(context, make(context, **given))
                return
            arguments = {"context": context, **given}
            found = evaluate(**{name: arguments[name] for name in wanted})
            names = _names(context)
            for table, asset, findings in found:
                if only := names.get(asset):
                    yield from table.check_results(asset, findings, only=only)

        made = inspect.signature(make)
        step.__signature__ = made.replace(return_annotation=Iterator[Any])  # type: ignore[attr-defined]
        step.__annotations__ = {**make.__annotations__, "return": Iterator[Any]}
        return step

    return decorate


def with_links_to_code(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with the link to the function that makes it.

    `dg.with_source_code_references` would link to the file of the decorator above: of a decorated
    function it takes the line, but not the file.
    """
    return [each.map_asset_specs(_linked_to(each)) for each in assets]


def _linked_to(asset: dg.AssetsDefinition) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    make = inspect.unwrap(asset.op.compute_fn.decorated_fn)  # type: ignore[union-attr]
    code = make.__code__
    link = dg.LocalFileCodeReference(file_path=code.co_filename, line_number=code.co_firstlineno)
    metadata = {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[link])}
    return lambda spec: spec.merge_attributes(metadata=metadata)


def _selected(context: dg.AssetExecutionContext, made: Any) -> Iterator[Any]:
    """What was made, without assets and checks that were not selected."""
    names = _names(context)
    for result in [made] if isinstance(made, dg.MaterializeResult) else made:
        key = result.asset_key or next(iter(context.assets_def.keys))
        if key not in context.selected_asset_keys:
            continue
        only = names.get(key.to_user_string(), set())
        results = [each for each in result.check_results or () if each.check_name in only]
        yield result._replace(asset_key=key, check_results=results)


def _names(context: dg.AssetExecutionContext) -> dict[str, set[str]]:
    """The selected checks of each asset."""
    found: dict[str, set[str]] = {}
    for key in context.selected_asset_check_keys:
        found.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    return found
