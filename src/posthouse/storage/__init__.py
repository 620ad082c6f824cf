"""Storage: one narrow port in the words of the offices, and the engines behind it.

May touch: disks and databases. No idea of protocols. Promises: what a method
marked **durable** has returned from would survive a power cut.
"""
