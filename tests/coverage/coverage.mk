# Which instructions of stage 1 and stage 2 the tests have run: the plugin that records it.
# tests/run.py turns it on for `make test`, and prints the report at the end.

TEST_DEPS += $(B)/tests/cover.so

$(B)/tests/cover.so: tests/coverage/cover.c include/layout.h
	@mkdir -p $(@D)
	$(HOSTCC) $(CSTD) -O2 -shared -fPIC -fvisibility=hidden -o $@ $<

.PHONY: coverage
coverage: ## the coverage report of the last `make test` again, with every line that did not run
	SECTOR0_BUILD=$(abspath $(B)) $(PYTHON) -B tests/coverage/report.py $(B)/coverage
