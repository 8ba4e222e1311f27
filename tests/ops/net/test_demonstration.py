"""The demonstration of a network, as `make demo-net` runs it, with a small folder. Minutes: real nodes."""

import pytest

from govchain.ops.net import demonstration

pytestmark = [pytest.mark.net, pytest.mark.timeout(900)]


@pytest.mark.requirement("BJ.function.visual.02a", "GZ.process.install.02", "GZ.general.distribution.01")
@pytest.mark.parametrize("engine", ["cometbft", "etcd"])
def test_every_step_ends_as_it_should(tmp_path, engine):
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"file {number}\n")
    told = []
    result = demonstration.run(engine=engine, folder=folder, keep=tmp_path / "demo", tell=told.append)
    assert [step["exit_code"] for step in result["steps"]] == [0] * len(told)
    outputs = {step.title: step.output for step in told}
    assert "Final by" in outputs["net_verify_alone"]
    assert "stopped" in outputs["net_status_without"]
    assert "the same block at every height" in outputs["net_compare"]
    assert "removed" in outputs["net_status"]
    assert result["stand_alone_verifier"]
