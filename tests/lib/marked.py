"""Parts of documents that are made from the repository: what stands between two marks of their own."""
import re


def replaced(text, mark, made):
    """TEXT with MADE between the lines `<!-- MARK ... -->` and `<!-- end of MARK -->`."""
    return re.sub(rf"(<!-- {mark}\b[^\n]*\n).*?(<!-- end of {mark} -->)",
                  lambda found: f"{found[1]}{made}\n{found[2]}", text, flags=re.S)
