"""The types that numbers are stored in, and the bytes of each."""

__all__ = ["DTYPES", "NOT_TRAINED"]

DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
NOT_TRAINED = ("int8",)  # types for inference only
