"""crmsync: the worker that closes the loop between marketing and sales inside the CRMs they already use.

Import subpackages explicitly; this module stays empty so that `crmsync --version` starts at once.
"""

__version__ = "0.1.0"
