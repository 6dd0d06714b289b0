"""Everything else is in pyproject.toml; setuptools takes the extension in C from here."""

from setuptools import setup

setup(cffi_modules=["native/build_sampler.py:ffibuilder"], options={"bdist_wheel": {"py_limited_api": "cp311"}})
