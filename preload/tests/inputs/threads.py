# Containers, strings and JSON in several threads, buffers of megabytes, child processes.
import json, os, re, subprocess, sys, threading, zlib

def work(seed):
    table = {f"key {i * seed % 4099}": [i, str(i), {"square": i * i, "zeros": [0] * (i % 40)}] for i in range(12000)}
    text = json.dumps(table, sort_keys=True)
    words = re.findall(r"\w+", text)
    return len(text), len(set(words)), zlib.crc32(json.dumps(json.loads(text)).encode())

results = {}
def run(seed):
    for _ in range(2):
        results[seed] = work(seed)

threads = [threading.Thread(target=run, args=(seed,)) for seed in (3, 5, 7, 11)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(results.items()))

buffer = bytearray()
for i in range(300):
    buffer += bytes([i % 256]) * 50000
print(len(buffer), zlib.crc32(zlib.compress(bytes(buffer))))

child = os.fork()
if child == 0:
    os._exit(0 if work(3) == results[3] else 1)
print(os.waitpid(child, 0)[1], subprocess.run([sys.executable, "-c", "print(sum(range(1000)))"], capture_output=True).stdout)
