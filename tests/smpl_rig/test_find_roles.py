"""Which bone is what: found on the skeletons of many programs, whatever they are called and however they are built."""

from __future__ import annotations

import pytest
from namings import NAMINGS
from rig_builder import Naming, build

from smpl_rig.retarget.find_roles import described, find_roles


@pytest.mark.parametrize("program", NAMINGS)
def test_roles_are_found_by_the_names_of_programs(program: str) -> None:
    naming = NAMINGS[program]
    found = find_roles(build(naming))
    assert dict(found.map.items()) == naming.roles()
    assert found.map.family == naming.family
    assert not found.not_humanoid
