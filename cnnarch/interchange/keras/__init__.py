"""Keras: its model files read without Keras, and networks written as its Python code."""
