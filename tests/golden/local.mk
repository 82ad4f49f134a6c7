# Recorded bundles and what they give; record.sh makes new ones.
sh_tests += %D%/replay.sh
EXTRA_DIST += %D%/bundles %D%/record.sh %D%/record-classes.sh \
	%D%/record-hard.sh %D%/known.sh %D%/prune.py
