"""One folder per standard, sans-IO: values in, values out.

May touch: values only. No I/O, no clock, no randomness, no logging, no
asyncio. Questions to the world (DNS, keys) are ``async def`` over a port.
"""
