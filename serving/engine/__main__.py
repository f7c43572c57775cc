"""`python -m serving.engine --base PATH --port N`: serve one base model and its LoRA adapters."""

import argparse
import socket
from pathlib import Path

from training.engine.errors import EngineError, leave


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serving.engine", description="OpenAI-compatible model server.")
    parser.add_argument("--base", required=True, help="folder or hub name of the base model")
    parser.add_argument("--name", help="what the base model is called; the last part of --base unless given")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--adapters-dir", type=Path, help="only adapters in this folder may be loaded")
    parser.add_argument("--max-adapters", type=int, default=8, help="adapters in memory at a time")
    parser.add_argument("--parallel", type=int, default=8, help="answers made at a time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
    return parser.parse_args()


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on, bound before the model is loaded so that a port in use is known at once. EngineError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as cause:
        raise EngineError("port", f"{host}:{port} cannot be used: {cause.strerror}.", "Give another --port.") from cause
    return listener


def serve(options: argparse.Namespace) -> None:
    import torch
    import uvicorn

    from serving.engine.app import ModelServer
    from serving.engine.pool import AdapterPool
    from training.engine.digests import base_sha256
    from training.engine.loading import choose_device, load_model, resolve_base
    from training.engine.tokenizer import load_tokenizer

    listener = listen(options.host, options.port)
    torch.set_num_threads(options.threads)
    base = resolve_base(options.base)
    pool = AdapterPool(
        model=load_model(base, choose_device(options.device), options.dtype),
        tokenizer=load_tokenizer(base),
        base_name=options.name or options.base.rstrip("/").rsplit("/", 1)[-1],
        folder=options.adapters_dir,
        max_adapters=options.max_adapters,
    )
    app = ModelServer(pool, base_sha256(base), options.parallel).app()
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    try:
        serve(arguments())
    except EngineError as error:
        leave(error)


if __name__ == "__main__":
    main()
