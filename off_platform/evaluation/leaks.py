"""What a random split would have leaked.

A sample leaks if one of its siblings (the other samples of its unit or duplicate group) is in
train. In a random split of the same shares each sibling is in train with the probability p, the
share of train, so a held-out sample with n siblings leaks with the probability 1 - (1 - p)^n. The
figures of the leaked part are weighted by it, those of the rest by its complement: these are the
expected figures over all random splits, without drawing any.
"""

from off_platform.evaluation.resampling import Codes, Numbers


def leak_probability(siblings: Codes, train_share: float) -> Numbers:
    """The probability that a random split leaks each sample.

    Args:
        siblings: number of siblings of each sample.
        train_share: share of train, from 0 to 1.
    """
    leaks: Numbers = 1 - (1 - train_share) ** siblings.astype(float)
    return leaks
