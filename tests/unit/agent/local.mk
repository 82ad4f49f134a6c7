# One line per test: unit_tests += %D%/test_x
unit_tests += %D%/test_wire
unit_tests += %D%/test_bundle
unit_tests += %D%/test_control
unit_tests += %D%/test_capfile
sh_tests += %D%/commands.sh
sh_tests += %D%/keys.sh
sh_tests += %D%/methods.sh
