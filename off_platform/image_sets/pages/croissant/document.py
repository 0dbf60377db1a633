"""`croissant.json`: describes a set so that search engines find it and loaders read it by itself.

Croissant 1.0 (mlcommons.org/croissant): the files with their checksums, and record sets whose
fields say where photo, labels and split of a sample are. Plain values in, JSON out; no clock.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from off_platform.quality import Column
from off_platform.words import readable

_TEXT_MOST = 5_000
JSON_TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int32": "sc:Integer",
    "int64": "sc:Integer",
    "double": "sc:Float",
    "date": "sc:Date",
    "timestamp": "sc:DateTime",
    "list<string>": "sc:Text",
}
_ENCODINGS = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".parquet": "application/x-parquet",
    ".tar": "application/x-tar",
}
_MANIFEST = "manifest.parquet"
# As published with the format; validators compare it word by word.
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CroissantFile:
    """A file of the set: its name, size in bytes, and SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFiles:
    """The files with the photos of one split.

    Attributes:
        split: its name; empty if the set is not split.
        kind: how the photos are stored.
        patterns: of the names: of photos, or of Parquet files; of members of the shards.
        shards: the shards, if the photos are in shards.
        ending: of the photos' names.
        columns: of the Parquet files, besides the photos.
    """

    split: str
    kind: Literal["shards", "files", "parquet"]
    patterns: tuple[str, ...]
    shards: tuple[CroissantFile, ...] = ()
    ending: str = ".jpg"
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SetTexts:
    """What a wing says of a set.

    Attributes:
        name: of the set.
        description: what it is.
        licence_url: the text of its licence.
        attribution: whom to credit.
        source_url: a page about the bucket.
        keywords: words to find it by.
    """

    name: str
    description: str
    licence_url: str
    attribution: str
    source_url: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CroissantFacts(SetTexts):
    """The content of `croissant.json`; nothing in it may depend on the clock.

    Attributes:
        manifest: the file; its rows are the record set `objects`.
        columns: of the manifest, those that describe a sample.
        photos: the photos, by split.
        one_row: whether the manifest has one row per sample, so that rows can be joined to photos
            in shards by the sample.
    """

    manifest: CroissantFile
    columns: tuple[Column, ...]
    photos: tuple[PhotoFiles, ...]
    one_row: bool


def croissant(facts: CroissantFacts) -> str:
    """The text of `croissant.json`; the same facts always give the same text."""
    made = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": facts.name,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "description": readable(facts.description, _TEXT_MOST),
        "license": facts.licence_url,
        "url": facts.source_url,
        "creator": {"@type": "Organization", "name": readable(facts.attribution)},
        "citeAs": _cited(facts),
        "keywords": list(facts.keywords),
        "distribution": list(_distribution(facts)),
        "recordSet": [*_photos(facts), _objects(facts)],
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _cited(facts: CroissantFacts) -> str:
    """A BibTeX entry; characters with a meaning there are left out of texts."""
    author, url = (
        re.sub(r"[{}\\]", "", readable(text)) for text in (facts.attribution, facts.source_url)
    )
    fields = f"title = {{{facts.name}}}, author = {{{{{author}}}}}, howpublished = {{{url}}}"
    return f"@misc{{{facts.name}, {fields}}}"


def _distribution(facts: CroissantFacts) -> Iterator[dict[str, Any]]:
    yield _file_object(facts.manifest)
    for photos in facts.photos:
        for shard in photos.shards:
            yield _file_object(shard)
        ending = ".parquet" if photos.kind == "parquet" else photos.ending
        contained = {"containedIn": [{"@id": shard.name} for shard in photos.shards]}
        yield {
            "@type": "cr:FileSet",
            "@id": _file_set(photos),
            "name": _file_set(photos),
            "encodingFormat": _ENCODINGS.get(ending, "application/octet-stream"),
            "includes": list(photos.patterns),
            **(contained if photos.shards else {}),
        }


def _file_object(file: CroissantFile) -> dict[str, Any]:
    ending = f".{file.name.rpartition('.')[2]}"
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.size} B",
        "encodingFormat": _ENCODINGS[ending],
        "sha256": file.sha256,
    }


def _file_set(photos: PhotoFiles) -> str:
    return f"photos-{photos.split}" if photos.split else "photos"


def _photos(facts: CroissantFacts) -> Iterator[dict[str, Any]]:
    """A record set per split: photo, sample, and what describes it."""
    for photos in facts.photos:
        name = photos.split or "samples"
        fields = {
            "shards": _of_shards,
            "files": _of_files,
            "parquet": _of_parquet,
        }[photos.kind](photos, name, facts)
        yield {"@type": "cr:RecordSet", "@id": name, "name": name, "field": list(fields)}


def _of_parquet(photos: PhotoFiles, name: str, _: CroissantFacts) -> Iterator[dict[str, Any]]:
    files = {"fileSet": {"@id": _file_set(photos)}}
    image = {"extract": {"column": "image"}, "transform": {"jsonPath": "bytes"}}
    yield _field(f"{name}/image", "sc:ImageObject", files | image)
    yield from _columns(name, photos.columns, files)


def _of_files(photos: PhotoFiles, name: str, facts: CroissantFacts) -> Iterator[dict[str, Any]]:
    """The rows of the manifest, joined by the path of the photo."""
    files = {"fileSet": {"@id": _file_set(photos)}}
    content = files | {"extract": {"fileProperty": "content"}}
    yield _field(f"{name}/image", "sc:ImageObject", content)
    # Without a transformation, mlcroissant compares a path with a text.
    whole = {"extract": {"fileProperty": "fullpath"}, "transform": {"regex": "^(.*)$"}}
    path = _field(f"{name}/path", "sc:Text", files | whole)
    yield path | {"references": _manifest_column("path")}
    yield from _columns(name, facts.columns, {"fileObject": {"@id": _MANIFEST}})


def _of_shards(photos: PhotoFiles, name: str, facts: CroissantFacts) -> Iterator[dict[str, Any]]:
    """Photos by the sample's name, before the first dot; with the manifest's row if it is one."""
    files = {"fileSet": {"@id": _file_set(photos)}}
    content = files | {"extract": {"fileProperty": "content"}}
    yield _field(f"{name}/image", "sc:ImageObject", content)
    stem = {"extract": {"fileProperty": "filename"}, "transform": {"regex": "^([^.]+)"}}
    sample = _field(f"{name}/sample", "sc:Text", files | stem)
    if not facts.one_row:
        yield sample
        return
    yield sample | {"references": _manifest_column("sample")}
    rest = [column for column in facts.columns if column.name != "sample"]
    yield from _columns(name, rest, {"fileObject": {"@id": _MANIFEST}})


def _objects(facts: CroissantFacts) -> dict[str, Any]:
    """The manifest: one record per object."""
    own = [Column(name, "string", "") for name in ("key", "kind", "status", "path", "md5")]
    named = {column.name: column for column in (*own, *facts.columns)}
    return {
        "@type": "cr:RecordSet",
        "@id": "objects",
        "name": "objects",
        "description": "One record per object of the set, also of those that are missing.",
        "field": list(
            _columns("objects", list(named.values()), {"fileObject": {"@id": _MANIFEST}})
        ),
    }


def _columns(
    name: str, columns: Sequence[Column], files: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for column in columns:
        if column.type in JSON_TYPES:
            source = files | {"extract": {"column": column.name}}
            field = _field(f"{name}/{column.name}", JSON_TYPES[column.type], source)
            described = {"description": column.description} if column.description else {}
            repeated = {"repeated": True} if column.type.startswith("list<") else {}
            yield field | described | repeated


def _manifest_column(column: str) -> dict[str, Any]:
    return {"fileObject": {"@id": _MANIFEST}, "extract": {"column": column}}


def _field(place: str, kind: str, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": place,
        "name": place,
        "dataType": kind,
        "source": source,
    }
