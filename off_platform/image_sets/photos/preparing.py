"""What is done with a complete photo before it is stored: looked at, and brought into its form.

Runs in the threads of the transfer, while other objects are fetched.
"""

import threading
from dataclasses import replace

from off_platform.image_sets.declaration.how import How
from off_platform.image_sets.photos.contents import Content
from off_platform.image_sets.photos.file_formats import NotWholeError
from off_platform.image_sets.photos.looks import looks_of
from off_platform.image_sets.photos.photo_forms import formed
from off_platform.storage.threads import cores

# More threads than cores only wait for each other: hashing 20,000 photos took 36 s of CPU time with
# 2 threads and 47 s with 6. It also bounds the pixels in memory.
_AT_ONCE = threading.BoundedSemaphore(cores())


def prepared(content: Content, data: bytes, how: How) -> Content:
    """What is known of a photo, with what the set asks for; or why it cannot be had.

    Args:
        content: of the photo, as checked.
        data: the whole photo.
        how: the set is built.
    """
    if content.problem or content.width is None or content.height is None:
        return content
    if not how.looks and how.form.text is None:
        return content
    with _AT_ONCE:
        return _prepared(content, data, (content.width, content.height), how)


def _prepared(found: Content, data: bytes, size: tuple[int, int], how: How) -> Content:
    if how.looks:
        looks = looks_of(data)
        if looks.problem:
            return Content(problem=looks.problem)
        found = replace(
            found,
            perceptual_hash=looks.perceptual_hash,
            sharpness=looks.sharpness,
            decoded=found.decoded or looks.decoded,
        )
    if how.form.text is None:
        return found
    try:
        changed = formed(data, size, found.orientation, how.form)
    except NotWholeError as error:
        return Content(problem=str(error))
    return replace(found, formed=changed)
