"""What can be done to a mail server: every known threat as data, whether we can attack that way yet or not.

The list is longer than the attacks: a surface that is built later finds its
attacks waiting. Numbers are those of the project's threat model.
"""
