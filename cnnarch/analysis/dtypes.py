"""The types that numbers are stored in, and the bytes of each."""

__all__ = ["DTYPES"]

DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
