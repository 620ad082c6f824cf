"""What an examiner says, whether it had to wait or not."""

from posthouse.filter.letter import Letter
from posthouse.filter.ports import Examiner, Opinion


async def opinion_of(examiner: Examiner, letter: Letter) -> Opinion:
    """The opinion of ``examiner`` about ``letter``."""
    said = examiner.examine(letter)
    return said if isinstance(said, Opinion) else await said
