"""The README's first order, as it stands there."""

import json
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def test_a_first_order_in_ten_lines(devnet, alice, tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(program.strip().splitlines()) <= 10, "ten lines are promised"
    (tmp_path / "devnet-data").mkdir()
    (tmp_path / "devnet-data" / "devnet.json").write_text(json.dumps(devnet.description))
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    opened, positions, closed = done.stdout.splitlines()
    assert "'filled': {" in opened and "'totalSz': '0.01'" in opened, opened
    assert "'coin': 'BTC'" in positions and "'szi': '0.01'" in positions, positions
    assert "'filled': {" in closed and "'totalSz': '0.01'" in closed, closed
    assert alice.position("BTC") == 0
