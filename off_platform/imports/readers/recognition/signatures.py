"""Signatures of files that are not imports, as data, with a phrase for each. Pure.

A signature of only printable characters could be the name of a column; such signatures are longer.
"""

import re

_UNPACK = "; unpack it first"

# From the formats' specifications; also in libmagic.
_SIGNATURES = (
    (rb"%PDF", "a PDF document"),
    (rb"\x89PNG", "a PNG picture"),
    (rb"\xff\xd8\xff", "a JPEG picture"),
    (rb"GIF8[79]a", "a GIF picture"),
    (rb"RIFF.{4}WEBP", "a WebP picture"),
    (rb"II\*\0|MM\0[*+]", "a TIFF picture"),
    (rb"BM.{4}\0{4}", "a BMP picture"),
    (rb"\0\0[\x01\x02]\0[^\0]\0", "an icon"),
    (rb"\0.{3}ftyp(?:hei|hev|mif1|msf1|avi[fs])", "an HEIC or AVIF picture"),
    (rb"\0.{3}ftyp", "a video or sound file"),
    (rb"RIFF.{4}(?:AVI |WAVE)|\x1aE\xdf\xa3|OggS\0|ID3[\x02-\x04]\0", "a video or sound file"),
    (rb"\x7fELF", "an executable program (ELF)"),
    (rb"MZ.{1,62}\0", "an executable program for Windows"),
    (rb"\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe", "an executable program for macOS"),
    (rb"\xca\xfe\xba\xbe", "a Java class or a program of macOS"),
    (rb"\0asm", "a WebAssembly program"),
    (rb"PAR1", "a Parquet file"),
    (rb"ARROW1\0|\xff{4}..\0\0", "an Arrow file"),
    (rb"ORC[^\x09-\x0d\x20-\x7e]", "an ORC file"),
    (rb"Obj\x01", "an Avro file"),
    (rb"\x89HDF\r\n", "an HDF5 file"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"\x80[\x02-\x05][\x80-\xff(}\])KcX]", "a Python pickle"),
    (rb"SQLite format 3", "an SQLite database"),
    (rb".{8}DUCK.\0{7}", "a DuckDB database"),
    (rb"\0\x01\0\0Standard (?:Jet|ACE) DB", "an Access database"),
    (rb"\x1f\x8b", f"a gzip archive{_UNPACK}"),
    (rb"\x1f[\x9d\xa0]", f"a compressed file (.Z){_UNPACK}"),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", f"a bzip2 archive{_UNPACK}"),
    (rb"\xfd7zXZ\0", f"an xz archive{_UNPACK}"),
    (rb"7z\xbc\xaf", f"a 7z archive{_UNPACK}"),
    (rb"Rar!\x1a", f"a RAR archive{_UNPACK}"),
    (rb"\x28\xb5\x2f\xfd", f"a Zstandard archive{_UNPACK}"),
    (rb"\x04\x22\x4d\x18", f"an LZ4 archive{_UNPACK}"),
    (rb"MSCF\0{4}", f"a cabinet archive (.cab){_UNPACK}"),
    (rb"(?=[^\0]{1,100}\0).{257}ustar[\0 ]", f"a tar archive{_UNPACK}"),
    (rb"PK\x05\x06", "an empty ZIP archive"),
    (rb"PK\x07\x08PK", f"a ZIP archive in parts{_UNPACK}"),
    (
        rb"\x09[\0\x02\x04\x08][\x04\x06\x08\x10]\0",
        "an old Excel workbook (.xls); save it as .xlsx",
    ),
    (rb"\{\\rtf", "an RTF document"),
    (rb"%!PS", "a PostScript document"),
)
_COMPILED = tuple((re.compile(signature, re.DOTALL), what) for signature, what in _SIGNATURES)


def signed_as(head: bytes) -> str | None:
    """The type of a file by its signature, such as `a PDF document`; None if it may be an import.

    Args:
        head: its first bytes, at least 512 if it has that many.
    """
    return next((what for signature, what in _COMPILED if signature.match(head)), None)
