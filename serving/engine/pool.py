"""A base model in memory with several LoRA adapters, of which each request names its own.

Every forward pass takes the lock, activates its own adapter and runs: requests for different adapters
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
    """A refused request about adapters: `status` is of HTTP, `code` and `param` are of OpenAI's error format."""

    def __init__(self, status: int, code: str, message: str, param: str):
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param


@dataclass
class Adapter:
    """A loaded adapter. `slot` is its name inside PEFT (which takes no dots), or None while it is not in memory."""

    name: str
    path: Path
    sha256: str
    slot: str | None = None
    users: int = 0
    last_use: int = 0


@dataclass
class AdapterPool:
    """At most `max_adapters` adapters in memory: the least recently used is evicted, and reloaded on demand."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    base_name: str
    folder: Path | None = None
    max_adapters: int = 8
    adapters: dict[str, Adapter] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    peft_model: PeftModel | None = None
    active_slot: str | None = None
    clock: int = 0

    def load(self, name: str, path: str) -> bool:
        """Load an adapter; False if it was loaded already. PoolError if it cannot, or the name has other content."""
        with self.lock:
            folder = self._checked_path(name, path)
            digest = self._digest(folder)
            if name in self.adapters:
                if self.adapters[name].sha256 != digest:
                    raise PoolError(409, "name_taken", f"{name} is loaded with other content.", "lora_name")
                return False
            adapter = Adapter(name, folder, digest)
            self._load(adapter)
            self.adapters[name] = adapter
            return True

    def unload(self, name: str) -> None:
        with self.lock:
            adapter = self._adapter(name, "lora_name")
            if adapter.users:
                raise PoolError(409, "adapter_busy", f"{name} is answering; try again.", "lora_name")
            self._evict(adapter)
            del self.adapters[name]

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
            adapter = self._adapter(name, "model")
            if adapter.slot is None:
                self._reload(adapter)
            adapter.users += 1
            self.clock += 1
            adapter.last_use = self.clock
            return adapter

    @torch.inference_mode()
    def forward(self, adapter: Adapter | None, ids: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:
        """Logits of the last position (vocabulary,) and the key-value cache after it, for (1, tokens) ids."""
        with self.lock:
            self._activate(adapter.slot if adapter else None)
            model: Any = self.peft_model or self.model
            output = model(input_ids=ids.to(self.model.device), past_key_values=cache, use_cache=True)
            return output.logits[0, -1], output.past_key_values

    def _adapter(self, name: str, param: str) -> Adapter:
        if name not in self.adapters:
            raise PoolError(404, "model_not_found", f"The model {name!r} does not exist.", param)
        return self.adapters[name]

    def _checked_path(self, name: str, path: str) -> Path:
        if not NAME.fullmatch(name) or name == self.base_name:
            raise PoolError(400, "bad_name", "Use letters, digits and . _ : @ -, not the base's name.", "lora_name")
        folder = ((self.folder or Path()) / path).resolve()
        if self.folder and not folder.is_relative_to(self.folder.resolve()):
            raise PoolError(403, "path_outside", "The adapter must lie in the adapters folder.", "lora_path")
        return folder

    def _digest(self, folder: Path) -> str:
        try:
            return adapter_sha256(folder)
        except (OSError, ValueError) as cause:
            raise PoolError(400, "no_adapter", f"No adapter was found there: {cause}.", "lora_path") from cause

    def _reload(self, adapter: Adapter) -> None:
        if self._digest(adapter.path) != adapter.sha256:
            raise PoolError(409, "adapter_changed", f"The files of {adapter.name} changed.", "model")
        self._load(adapter)

    def _load(self, adapter: Adapter) -> None:
        self._evict_if_full()
        self.clock += 1
        adapter.slot, adapter.last_use = f"slot{self.clock}", self.clock
        try:
            self._add_layers(adapter.path, adapter.slot)
        except (RuntimeError, ValueError, TypeError, KeyError, OSError) as cause:
            self._evict(adapter)
            raise PoolError(400, "bad_adapter", f"It does not fit this model: {cause}", "lora_path") from cause

    def _add_layers(self, path: Path, slot: str) -> None:
        """Add the adapter's layers, then its weights. ValueError for a tensor that has no layer."""
        config, weights = PeftConfig.from_pretrained(str(path)), load_peft_weights(str(path), device="cpu")
        config.base_model_name_or_path = self.model.name_or_path
        self.active_slot = "unknown"
        if self.peft_model is None:
            self.peft_model = get_peft_model(self.model, config, adapter_name=slot)
        else:
            self.peft_model.add_adapter(slot, config)
        result: Any = set_peft_model_state_dict(self.peft_model, weights, adapter_name=slot)
        if result.unexpected_keys:
            raise ValueError(f"it has tensors for {result.unexpected_keys[0]}")
        self.peft_model.eval()

    def _evict_if_full(self) -> None:
        resident = [adapter for adapter in self.adapters.values() if adapter.slot]
        if len(resident) < self.max_adapters:
            return
        idle = sorted((adapter for adapter in resident if not adapter.users), key=lambda adapter: adapter.last_use)
        if not idle:
            raise PoolError(503, "adapters_busy", "Every adapter in memory is answering.", "lora_name")
        self._evict(idle[0])

    def _evict(self, adapter: Adapter) -> None:
        """Remove an adapter from memory; the last adapter leaves the plain base model behind."""
        if self.peft_model and adapter.slot in self.peft_model.peft_config:
            self._activate(None)
            if len(self.peft_model.peft_config) == 1:
                self.model, self.peft_model = self.peft_model.unload(), None
            else:
                self.peft_model.delete_adapter(adapter.slot)
            self.active_slot = "unknown"
        adapter.slot = None

    def _activate(self, slot: str | None) -> None:
        if self.peft_model is None or self.active_slot == (slot or ""):
            return
        if slot is None:
            self.peft_model.base_model.disable_adapter_layers()  # type: ignore[operator]
        else:
            self.peft_model.base_model.enable_adapter_layers()  # type: ignore[operator]
            self.peft_model.set_adapter(slot)
        self.active_slot = slot or ""
