# `make demo` and `make test` do all their own set-up on a machine with Python 3.11.
#
#   TORCH   how to install PyTorch, which the tests need and the demo does not. PyPI's wheel for Linux brings the CUDA
#           libraries (2 GB); for a CPU-only machine:
#           make test TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
#   BPY     versions of the bpy wheels that `make test` runs the Blender tests in
#   PYTHON  the interpreter that makes the virtual environments

PYTHON ?= python3.11
TORCH ?= torch==2.13.0
BPY ?= 4.2.23 4.5.15 5.0.1
DEMO_BPY = 4.5.15

VENV = .venv
PY = $(VENV)/bin/python
# without compiling: what is imported, a quarter of these packages, is compiled then
PIP = -m pip install --quiet --disable-pip-version-check --no-compile
LOCK = magma_blender/engine_lock.txt
BPY_TESTS = $(BPY:%=blender-%)
# two programs with OpenMP threads that spin while they wait slow each other down twentyfold
export OMP_WAIT_POLICY = PASSIVE
# images of containers often set it; the tests start thousands of Pythons and load the add-on hundreds of times, and
# each would compile what it imports again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint docs docs-gallery reference unit blender blender-on-path blender-real-engines addon benchmark lock clean $(BPY_TESTS)

demo: .venv-bpy-$(DEMO_BPY)/.ready
	.venv-bpy-$(DEMO_BPY)/bin/python -m demo

# three at a time, each telling when it ends, since many tests wait: one after the other needs forty minutes on a slow
# machine. They share the processors: threads that wait for the other half of a small product only cost time
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
test:
	$(MAKE) --jobs=3 --keep-going $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) unit lint blender

lint: docs
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

# the manual as a site, in out/manual; a broken link is an error
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.ready
	$(PY) -m mkdocs build --quiet

# docs/reference.md, after a button or a setting has changed; a test says when it is older than the code
reference: .venv-bpy-$(DEMO_BPY)/.ready
	.venv-bpy-$(DEMO_BPY)/bin/python -m manual.reference

unit: $(VENV)/.ready
	$(PY) -m pytest tests

# each Blender with its own pytest run: a crash of one must not hide the others
blender: blender-on-path $(BPY_TESTS)

blender-on-path: $(VENV)/.ready
	$(PY) tests/run_blender_tests.py

$(BPY_TESTS): blender-%: $(VENV)/.ready .venv-bpy-%/.ready-for-tests
	$(PY) tests/run_blender_tests.py .venv-bpy-$*/bin/python

# the tests that edit dances, with the real engine on numpy and on PyTorch instead of the fake one: half an hour
blender-real-engines: $(VENV)/.ready .venv-bpy-$(DEMO_BPY)/.ready-for-tests
	for engine in numpy torch; do \
		$(PY) tests/run_blender_tests.py .venv-bpy-$(DEMO_BPY)/bin/python -- --engine $$engine || exit 1; \
	done

addon: $(VENV)/.ready
	$(PY) build_addon.py --output magma_blender.zip

benchmark: $(VENV)/.ready
	$(PY) benchmarks/run.py

# the sample dances that docs/gallery.md shows
docs-gallery: $(VENV)/.ready
	$(PY) -m benchmarks.gallery.samples --output docs/samples

# the hashes of the engine's packages, after a version in magma_blender/engine_requirements.txt has changed
lock: $(VENV)/.ready
	$(PY) $(PIP) uv==0.13.9
	$(PY) lock_requirements.py

# the engine's packages are those that Install PyTorch installs, file by file
$(VENV)/.ready: $(LOCK) requirements-dev.txt requirements-docs.txt requirements-references.txt benchmarks/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) $(PIP) --require-hashes --no-deps --only-binary :all: -r $(LOCK)
	$(PY) $(PIP) $(TORCH)
	$(PY) $(PIP) -r requirements-dev.txt -r requirements-docs.txt -r benchmarks/requirements.txt
	$(PY) $(PIP) --no-deps -r requirements-references.txt
	touch $@

.venv-bpy-%/.ready:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python $(PIP) bpy==$*
	touch $@

.venv-bpy-%/.ready-for-tests: .venv-bpy-%/.ready
	$(@D)/bin/python $(PIP) pytest==9.2.0
	touch $@

# or make deletes it, a step to another file
.PRECIOUS: .venv-bpy-%/.ready

clean:
	rm -rf .venv .venv-bpy-* out magma_blender.zip
