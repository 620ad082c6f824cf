"""Operations on the whole house: what an operator does through the control socket.

May touch: all offices.
"""
