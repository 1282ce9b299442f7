"""The service under load: clients that send small files one after the other, and some that are damaged or too large.

Every request has to be answered, by a result or by a reason in one line, and the memory has to stay as it is.

Run it with: python benchmarks/service.py [SECONDS]
"""

import http.client
import io
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter

import numpy as np
import pandas as pd
import psutil
import tifffile

CLIENTS, SIZE, PIXEL_NM, LARGEST_MIB = 8, 128, 0.05, 1


def bodies() -> list[tuple[str, bytes]]:
    """Twenty files: noise with one dark disc, a damaged one, one that is too large."""
    row, column = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    disc = 200 * (np.hypot(row, column) < 1.5 / PIXEL_NM)
    files = []
    for seed in range(18):
        file = io.BytesIO()
        image = np.random.default_rng(seed).normal(1000, 30, (SIZE, SIZE)) - disc
        tifffile.imwrite(file, image.astype(np.float32))
        files.append((f"m{seed}.tif", file.getvalue()))
    return [*files, ("torn.tif", files[0][1][:1000]), ("large.tif", bytes(LARGEST_MIB * 2**20 + 1))]


def client(port: int, until: float, answers: list[tuple[float, int, str]]) -> None:
    """Send files until the time is over; notes time, status and error of each answer."""
    files = bodies()
    while time.monotonic() < until:
        name, body = files[len(answers) % len(files)]
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        try:
            connection.request("POST", f"/analyses?name={name}&pixel_size_nm={PIXEL_NM}", body)
            answer = connection.getresponse()
            content = json.loads(answer.read())
            answers.append((time.monotonic() - started, answer.status, content.get("error", "")))
            time.sleep(1 if answer.status == 429 else 0)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.append((time.monotonic() - started, 0, f"{type(error).__name__}: {error}"))
        finally:
            connection.close()


def memory_gib(process: psutil.Process) -> float:
    """Memory of a process and its children, each page counted once."""
    return sum(each.memory_full_info().pss for each in [process, *process.children(recursive=True)]) / 2**30


def main(seconds: float, port: int = 8799) -> None:
    words = [f"port={port}", f"max_upload_mib={LARGEST_MIB}", "max_waiting=5", "max_kept=50"]
    with psutil.Popen([sys.executable, "-m", "hrtem_lab.serve", *words], stdout=subprocess.PIPE, text=True) as server:
        while not re.search("Open http", server.stdout.readline()):
            assert server.poll() is None
        time.sleep(2)
        until = time.monotonic() + seconds
        answers: list[list[tuple[float, int, str]]] = [[] for _ in range(CLIENTS)]
        threads = [threading.Thread(target=client, args=(port, until, noted)) for noted in answers]
        for thread in threads:
            thread.start()
        memory = []
        while any(thread.is_alive() for thread in threads):
            memory.append((seconds - (until - time.monotonic()), memory_gib(server)))
            time.sleep(5)
        server.terminate()
    table = pd.DataFrame([each for noted in answers for each in noted], columns=["s", "status", "error"])
    print(f"{len(table)} requests of {CLIENTS} clients in {seconds:g} s: {dict(Counter(table['status']))}")
    results = table.loc[table["status"] == 200, "s"]
    print(f"time of a result: median {results.median():.2f} s, longest {results.max():.2f} s")
    print("reasons:", *sorted(set(table["error"]) - {""}), sep="\n  ")
    print(pd.DataFrame(memory, columns=["s", "GiB"]).iloc[:: max(len(memory) // 10, 1)].round(3).to_string(index=False))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 300)
