"""One base model in memory with several LoRA adapters, of which any request may name one.

Every forward pass takes the lock, makes its own adapter the active one and runs: requests for different adapters
interleave token by token, each with its own key-value cache, and none can see another's adapter.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel, get_peft_model, load_peft_weights, set_peft_model_state_dict
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training.engine.digests import adapter_sha256

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")


class PoolError(Exception):
    """A refused request about adapters: `status` and `code` as HTTP and OpenAI name them."""

    def __init__(self, status: int, code: str, message: str, param: str):
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param


@dataclass
class Adapter:
    """A known adapter. `slot` is its name inside PEFT (which takes no dots), or None while it is not in memory."""

    name: str
    path: Path
    sha256: str
    slot: str | None = None
    users: int = 0
    last_use: int = 0


@dataclass
class AdapterPool:
    """At most `most` adapters in memory; the longest unused one makes room and is read again when asked for."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    base_name: str
    folder: Path | None = None
    most: int = 8
    known: dict[str, Adapter] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    wrapped: PeftModel | None = None
    active: str | None = None
    clock: int = 0

    def load(self, name: str, path: str) -> bool:
        """Make an adapter known and ready; False if it already was. A name never changes its content."""
        with self.lock:
            place = self._checked_path(name, path)
            digest = self._digest(place)
            if name in self.known:
                if self.known[name].sha256 != digest:
                    raise PoolError(409, "name_taken", f"{name} is loaded with other content.", "lora_name")
                return False
            adapter = Adapter(name, place, digest)
            self._bring_in(adapter)
            self.known[name] = adapter
            return True

    def unload(self, name: str) -> None:
        with self.lock:
            adapter = self._named(name, "lora_name")
            if adapter.users:
                raise PoolError(409, "adapter_busy", f"{name} is answering; try again.", "lora_name")
            self._put_out(adapter)
            del self.known[name]

    @contextmanager
    def using(self, name: str) -> Iterator[Adapter | None]:
        """Keep the named model in memory while a request runs; None stands for the base model."""
        adapter = self._claim(name)
        try:
            yield adapter
        finally:
            if adapter:
                with self.lock:
                    adapter.users -= 1

    def _claim(self, name: str) -> Adapter | None:
        if name == self.base_name:
            return None
        with self.lock:
            adapter = self._named(name, "model")
            if adapter.slot is None:
                self._bring_back(adapter)
            adapter.users += 1
            self.clock += 1
            adapter.last_use = self.clock
            return adapter

    @torch.inference_mode()
    def forward(self, adapter: Adapter | None, ids: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:
        """Logits of the last position (vocabulary,) and the cache after it."""
        with self.lock:
            self._activate(adapter.slot if adapter else None)
            model: Any = self.wrapped or self.model
            out = model(input_ids=ids.to(self.model.device), past_key_values=cache, use_cache=True)
            return out.logits[0, -1], out.past_key_values

    def _named(self, name: str, param: str) -> Adapter:
        if name not in self.known:
            raise PoolError(404, "model_not_found", f"The model {name!r} does not exist.", param)
        return self.known[name]

    def _checked_path(self, name: str, path: str) -> Path:
        if not NAME.fullmatch(name) or name == self.base_name:
            raise PoolError(400, "bad_name", "Use letters, digits and . _ : @ -, not the base's name.", "lora_name")
        place = ((self.folder or Path()) / path).resolve()
        if self.folder and not place.is_relative_to(self.folder.resolve()):
            raise PoolError(403, "path_outside", "The adapter must lie in the adapters folder.", "lora_path")
        return place

    def _digest(self, place: Path) -> str:
        try:
            return adapter_sha256(place)
        except (OSError, ValueError, KeyError) as cause:
            raise PoolError(400, "no_adapter", f"No adapter was found there: {cause}.", "lora_path") from cause

    def _bring_back(self, adapter: Adapter) -> None:
        if self._digest(adapter.path) != adapter.sha256:
            raise PoolError(409, "adapter_changed", f"The files of {adapter.name} changed.", "model")
        self._bring_in(adapter)

    def _bring_in(self, adapter: Adapter) -> None:
        self._make_room()
        self.clock += 1
        adapter.slot, adapter.last_use = f"slot{self.clock}", self.clock
        try:
            self._read(adapter.path, adapter.slot)
        except (RuntimeError, ValueError, TypeError, KeyError, OSError) as cause:
            self._put_out(adapter)
            raise PoolError(400, "bad_adapter", f"It does not fit this model: {cause}", "lora_path") from cause

    def _read(self, path: Path, slot: str) -> None:
        """Add the adapter's layers, then its weights; every tensor must find its place."""
        config, weights = PeftConfig.from_pretrained(str(path)), load_peft_weights(str(path), device="cpu")
        config.base_model_name_or_path = self.model.name_or_path
        self.active = "unknown"
        if self.wrapped is None:
            self.wrapped = get_peft_model(self.model, config, adapter_name=slot)
        else:
            self.wrapped.add_adapter(slot, config)
        left: Any = set_peft_model_state_dict(self.wrapped, weights, adapter_name=slot)
        if left.unexpected_keys:
            raise ValueError(f"it has tensors for {left.unexpected_keys[0]}")
        self.wrapped.eval()

    def _make_room(self) -> None:
        resident = [one for one in self.known.values() if one.slot]
        if len(resident) < self.most:
            return
        idle = sorted((one for one in resident if not one.users), key=lambda one: one.last_use)
        if not idle:
            raise PoolError(503, "adapters_busy", "Every adapter in memory is answering.", "lora_name")
        self._put_out(idle[0])

    def _put_out(self, adapter: Adapter) -> None:
        """Take an adapter out of memory; the last one leaves the plain base model behind."""
        if self.wrapped and adapter.slot in self.wrapped.peft_config:
            self._activate(None)
            if len(self.wrapped.peft_config) == 1:
                self.model, self.wrapped = self.wrapped.unload(), None
            else:
                self.wrapped.delete_adapter(adapter.slot)
            self.active = "unknown"
        adapter.slot = None

    def _activate(self, slot: str | None) -> None:
        if self.wrapped is None or self.active == (slot or ""):
            return
        if slot is None:
            self.wrapped.base_model.disable_adapter_layers()  # type: ignore[operator]
        else:
            self.wrapped.base_model.enable_adapter_layers()  # type: ignore[operator]
            self.wrapped.set_adapter(slot)
        self.active = slot or ""
