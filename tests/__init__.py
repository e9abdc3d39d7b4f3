"""Tests of cnnarch."""
