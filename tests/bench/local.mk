# One line per script: bench_scripts += %D%/x.sh
