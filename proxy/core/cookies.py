"""Finds one cookie in a Cookie header."""


def find_cookie(header: bytes, name: bytes) -> bytes | None:
    """Return the value of the first cookie of exactly this name, or None.

    The value is as it came, quotes included, without white space around it
    (RFC 6265 section 4.2.1; a Cookie header is split at every ``;``). Case counts.
    """
    wanted = name + b"="
    at = header.find(wanted)
    while at >= 0:
        if at == 0 or header[at - 2 : at] == b"; " or _begins_a_pair(header, at):
            start = at + len(wanted)
            stop = header.find(b";", start)
            return header[start : stop if stop >= 0 else None].strip(b" \t")
        at = header.find(wanted, at + 1)
    return None


def _begins_a_pair(header: bytes, at: int) -> bool:
    """Return whether nothing but white space lies between ``at`` and a ``;`` or the beginning."""
    before = at - 1
    while before >= 0 and header[before] in b" \t":
        before -= 1
    return before < 0 or header[before] == 0x3B
