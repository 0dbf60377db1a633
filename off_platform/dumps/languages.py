"""The languages of Open Food Facts' dumps: their codes, and their names in tags.

Open Food Facts names a language by its English tag, `en:french`, unless it gives the code.
"""

# Code and English name; common ones come first, as a look-up scans the list.
_LISTED = (
    "en english fr french de german es spanish it italian nl dutch pt portuguese pl polish "
    "ro romanian sv swedish da danish fi finnish cs czech hu hungarian bg bulgarian el greek "
    "el modern-greek la latin ru russian ar arabic hr croatian sk slovak sl slovene sl slovenian "
    "sr serbian no norwegian nb bokmal nn nynorsk lt lithuanian lv latvian et estonian "
    "uk ukrainian tr turkish he hebrew ja japanese zh chinese ko korean th thai vi vietnamese "
    "id indonesian ms malay hi hindi ca catalan eu basque gl galician is icelandic mk macedonian "
    "sq albanian bs bosnian ka georgian hy armenian az azerbaijani kk kazakh uz uzbek ky kyrgyz "
    "tk turkmen tg tajik fa persian ps pashto ku kurdish ur urdu bn bengali pa punjabi ta tamil "
    "te telugu kn kannada ml malayalam mr marathi gu gujarati ne nepali si sinhala my burmese "
    "km khmer lo lao mn mongolian bo tibetan tl tagalog jv javanese mg malagasy mi maori ga irish "
    "gd scottish-gaelic cy welsh br breton co corsican oc occitan mt maltese lb luxembourgish "
    "rm romansh be belarusian eo esperanto af afrikaans sw swahili am amharic ht haitian-creole"
)
_LANGUAGES = _LISTED.split()
CODES = tuple(dict.fromkeys(_LANGUAGES[::2]))


def code_of(tag: str) -> str:
    """SQL of the code of a language's tag; null if it is not known.

    Args:
        tag: SQL of a text such as `en:french`.
    """
    pairs = zip(_LANGUAGES[1::2], _LANGUAGES[::2], strict=True)
    named = ", ".join(f"'{name}': '{code}'" for name, code in pairs)
    return f"(MAP {{{named}}})[regexp_replace({tag}, '^en:|-languages?$', '', 'g')]"
