"""`off-platform publish`: its options; the work is in `publish_run.py`."""

from typing import Annotated

import typer

from off_platform.cli.context import settings
from off_platform.cli.set_names import WingOfSet, complete_sets


def publish(
    image_set: Annotated[
        str,
        typer.Argument(
            metavar="SET",
            help="Name of a set in the lake, or its folder.",
            autocompletion=complete_sets,
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TARGET",
            help="hf://datasets/OWNER/NAME or s3://bucket/prefix.",
        ),
    ],
    *,
    wing: WingOfSet = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")
    ] = False,
    delete: Annotated[
        bool,
        typer.Option("--delete", help="Remove files of the target that the set does not have."),
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository on the Hub private.")
    ] = False,
    check_bytes: Annotated[
        bool,
        typer.Option("--check-bytes", help="Compare the bytes of all objects with their MD5."),
    ] = False,
) -> None:
    """Publish an image set on the Hugging Face Hub or in a bucket. Run again to resume or update.

    The set must be whole, with its card, licence and attribution. Only files that are missing or
    differ are sent, the card last. Log in with `hf auth login` or HF_TOKEN, or with the standard
    AWS credentials.
    """
    from off_platform.cli.publish_run import Asked, publish_set

    asked = Asked(
        to, wing=wing, dry_run=dry_run, delete=delete, private=private, check_bytes=check_bytes
    )
    raise typer.Exit(publish_set(settings(), image_set, asked))
