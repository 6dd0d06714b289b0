# The extension that native/build_sampler.py makes; what it offers is declared in native/sampler.h.
from typing import Any

ffi: Any
lib: Any
