# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/sh
export RASA_TELEMETRY_ENABLED := false
export SQLALCHEMY_SILENCE_UBER_WARNING := 1
export TF_CPP_MIN_LOG_LEVEL := 3

.PHONY: help run test check setup setup-dev browser train evaluate bench acceptance rehearse screenshots catalogues lock clean
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | column -t -s '	'

run: setup  ## set up, train if needed, start the helpline and print its addresses
	@WAYLINE_DEMO=$${WAYLINE_DEMO-1} ./wayline up

test: setup-dev browser train  ## set up and pass all tests that take less than minutes each
	@.venv/bin/python -m pytest -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder

check: setup-dev train  ## lint, types, fresh strings, data
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@sh bin/catalogues --check
	@sh bin/validate

setup:  ## install what the helpline needs
	@sh bin/setup app
setup-dev:
	@sh bin/setup dev
browser:
	@sh bin/browser
train: setup  ## train the dialogue model if its data changed
	@.venv/bin/python -c 'from helpline import model; model.train()'
evaluate: train  ## how well the model understands; FILE=path.tsv: on lines of intent, style and text
	@PYTHONPATH=. .venv-bot/bin/python -W ignore -m evaluation $(FILE)
bench: setup-dev train  ## measure turns, memory, intake, the desk
	@.venv/bin/python -m benchmarks
	@.venv/bin/python -m benchmarks.intake
	@.venv/bin/python -m benchmarks.desk
acceptance: setup-dev browser train  ## the numbered checks (docs/acceptance.md), some ten minutes; ACCEPTANCE=full: more than an hour
	@.venv/bin/python -m pytest tests/acceptance
rehearse: setup train  ## play scripted people on a helpline of their own, before real ones write
	@./wayline rehearse
screenshots: setup-dev browser train  ## renew the pictures of the README
	@SCREENSHOTS=docs/images .venv/bin/python -m pytest tests/browser
catalogues: setup-dev  ## take new texts into the catalogues after a change
	@sh bin/catalogues
lock: setup-dev  ## choose library versions anew
	@sh bin/lock
clean:  ## remove what was built, keep var/
	rm -rf .venv .venv-bot .uv .rasa models locales/*/LC_MESSAGES/*.mo
