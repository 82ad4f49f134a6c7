# Unit, users, default configuration; the packages in debian/ and rpm/.

EXTRA_DIST += \
	%D%/systemd/tallyman.service.in \
	%D%/systemd/tallyman.sysusers.in \
	%D%/systemd/tallyman.tmpfiles.in \
	%D%/debian \
	%D%/try.sh \
	%D%/rpm/tallyman.spec.in

substitute = $(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) \
	-e 's|@sbindir[@]|$(sbindir)|g' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	-e 's|@localstatedir[@]|$(localstatedir)|g' \
	-e 's|@pkgdatadir[@]|$(pkgdatadir)|g' \
	-e 's|@VERSION[@]|$(PACKAGE_VERSION)|g'

%D%/systemd/tallyman.service: %D%/systemd/tallyman.service.in Makefile
	$(substitute) $(srcdir)/%D%/systemd/tallyman.service.in > $@.tmp
	@mv $@.tmp $@
%D%/systemd/tallyman.sysusers: %D%/systemd/tallyman.sysusers.in Makefile
	$(substitute) $(srcdir)/%D%/systemd/tallyman.sysusers.in > $@.tmp
	@mv $@.tmp $@
%D%/systemd/tallyman.tmpfiles: %D%/systemd/tallyman.tmpfiles.in Makefile
	$(substitute) $(srcdir)/%D%/systemd/tallyman.tmpfiles.in > $@.tmp
	@mv $@.tmp $@
# What the tables of the program say; leaks of so short a run are not looked
# for.
%D%/config/tallyman.yaml: tallyman$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
		ASAN_OPTIONS=detect_leaks=0 ./tallyman check --default > $@.tmp
	@mv $@.tmp $@
%D%/rpm/tallyman.spec: %D%/rpm/tallyman.spec.in Makefile
	$(substitute) $(srcdir)/%D%/rpm/tallyman.spec.in > $@.tmp
	@mv $@.tmp $@

made_files = %D%/systemd/tallyman.service %D%/systemd/tallyman.sysusers \
	%D%/systemd/tallyman.tmpfiles %D%/config/tallyman.yaml
noinst_DATA = $(made_files)
CLEANFILES += $(made_files) %D%/rpm/tallyman.spec

# The configuration of an installed agent is its owner's: never overwritten,
# and taken away only when it was not changed.
confdir = $(DESTDIR)$(sysconfdir)/tallyman

install-data-local: $(made_files)
	$(MKDIR_P) '$(confdir)/rules'
	test -e '$(confdir)/tallyman.yaml' || \
		$(INSTALL_DATA) %D%/config/tallyman.yaml '$(confdir)/tallyman.yaml'
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)' '$(DESTDIR)$(tmpfilesdir)'
	$(INSTALL_DATA) %D%/systemd/tallyman.sysusers \
		'$(DESTDIR)$(sysusersdir)/tallyman.conf'
	$(INSTALL_DATA) %D%/systemd/tallyman.tmpfiles \
		'$(DESTDIR)$(tmpfilesdir)/tallyman.conf'

uninstall-local:
	rm -f '$(DESTDIR)$(sysusersdir)/tallyman.conf' \
		'$(DESTDIR)$(tmpfilesdir)/tallyman.conf'
	! cmp -s %D%/config/tallyman.yaml '$(confdir)/tallyman.yaml' || \
		rm -f '$(confdir)/tallyman.yaml'
	rmdir '$(confdir)/rules' '$(confdir)' 2>/dev/null || :

if SYSTEMD
systemdsystemunit_DATA = %D%/systemd/tallyman.service
endif

# Packages, in dist/ of the build directory. Both are made from the tarball,
# so that a file that no local.mk names is missed here and not at a user's.
# What they need is here already, since this tree was built; -d and --nodeps,
# because the package managers would ask for more (a C++ compiler) or do not
# know this system.
deb_name = tallyman_$(PACKAGE_VERSION)
package_dir = $(abs_builddir)/dist

deb: dist-xz
	rm -rf dist/deb && $(MKDIR_P) dist/deb
	cp $(distdir).tar.xz dist/deb/$(deb_name).orig.tar.xz
	cd dist/deb && tar xf $(deb_name).orig.tar.xz && \
		cp -R $(distdir)/packaging/debian $(distdir)/debian && \
		cd $(distdir) && unset MAKEFLAGS MFLAGS MAKELEVEL && \
		DEB_BUILD_OPTIONS="parallel=2 nocheck" \
		dpkg-buildpackage -d -us -uc -b >../build.log 2>&1 || \
		{ tail -n 40 '$(package_dir)/deb/build.log'; exit 1; }
	mv dist/deb/$(deb_name)-*.deb dist/
	rm -rf dist/deb
	@ls $(package_dir)/*.deb

# Build where you install: the libraries that the package asks for are those of
# the building host.
rpm: dist-xz %D%/rpm/tallyman.spec
	rm -rf dist/rpm && $(MKDIR_P) dist/rpm
	cp $(distdir).tar.xz dist/rpm/
	unset MAKEFLAGS MFLAGS MAKELEVEL; rpmbuild -bb --nodeps \
		--define "_topdir $(package_dir)/rpm" \
		--define "_sourcedir $(package_dir)/rpm" \
		--define "_rpmdir $(package_dir)" \
		--define "_rpmfilename %{name}-%{version}-%{release}.%{arch}.rpm" \
		%D%/rpm/tallyman.spec >dist/rpm/build.log 2>&1 || \
		{ tail -n 40 dist/rpm/build.log; exit 1; }
	rm -rf dist/rpm
	@ls $(package_dir)/*.rpm

.PHONY: deb rpm

# The agent of this tree on this host, nothing installed.
run: all
	@$(SHELL) $(srcdir)/%D%/try.sh '$(abs_srcdir)' '$(abs_builddir)'

CLEANFILES += run.yaml
clean-local:
	rm -rf run dist

.PHONY: run
