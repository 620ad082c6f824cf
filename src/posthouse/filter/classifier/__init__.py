"""A statistical filter for each user and one that all share, which learn only from what people do (docs/adr/0022).

``tokens`` makes words and features of a message, ``combining`` weighs them, ``book`` knows the counts, ``classifier``
speaks at the boundary, ``learner`` is told what owners think of their mail, ``reputation`` remembers who sent it.
"""
