"""Which bone of a skeleton is what.

`find_roles` asks the file's own map, names (`named_bones`, `find_limbs`), and where the joints are (`find_by_shape`,
`unnamed_limbs`), in this order; what hangs on the limbs comes after (`trunk_bones`, `limb_bones`, `finger_bones`).
`humanoid` and `doubts` say what is no humanoid, and what is ambiguous.

Imports: smpl_rig.retarget.
"""
