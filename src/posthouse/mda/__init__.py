"""Final delivery: who an address of ours stands for, and where his mail is filed.

May touch: the floors below. What leads out of the house again is returned as a value, never sent.
"""
