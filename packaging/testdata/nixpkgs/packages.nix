{ lib, system }:
let
  # Nix 2.8 kills a builder as soon as nobody has its output open, now and then before the builder has ended: something
  # has it open until then.
  outlive = ''
    until read -r _ _ state _ <"/proc/$$/stat" && [ "$state" = Z ]; do :; done &
  '';

  build =
    name: attrs: script:
    derivation (
      {
        inherit name system;
        builder = "/bin/bash";
        PATH = builtins.getEnv "PATH";
        args = [
          "-euc"
          (script + "\n" + outlive)
        ];
      }
      // attrs
    );

  withInputs = ''
    for input in $nativeBuildInputs; do PATH=$input/bin:$PATH; done
  '';

  goEnvironment = {
    GOFLAGS = "-mod=vendor -trimpath";
    GOCACHE = builtins.getEnv "GOCACHE";
    GOTOOLCHAIN = "local";
    GOPROXY = "off";
    GOSUMDB = "off";
  };

  packages = {
    inherit lib;

    callPackage =
      path: overrides:
      let
        f = import path;
      in
      f (builtins.intersectAttrs (builtins.functionArgs f) packages // overrides);

    runCommand =
      name: attrs: script:
      build name attrs (withInputs + script);

    # The function gets the attributes that it returns, as in nixpkgs.
    buildGo126Module =
      f:
      let
        finalAttrs = f finalAttrs;
      in
      packages.buildGo126Module' finalAttrs;
    buildGoModule = packages.buildGo126Module;

    # With the hook, a build fails if --version does not say the version.
    versionCheckHook = builtins.toFile "version-check-hook" ''
      versionCheck() { "$1" --version | grep -F -- "$2" >/dev/null || { echo "$1 is not version $2" >&2; exit 1; }; }
    '';

    # vendor/ is made in a derivation whose output has to have vendorHash, as in nixpkgs.
    buildGo126Module' =
      {
        pname,
        version,
        src,
        vendorHash,
        subPackages,
        env,
        ldflags,
        nativeBuildInputs,
        postInstall,
        meta,
        doCheck,
        doInstallCheck,
        nativeInstallCheckInputs,
      }:
      let
        vendor = build "${pname}-${version}-go-modules" (
          goEnvironment
          // {
            GOFLAGS = "-mod=mod";
            GOPROXY = "file://${builtins.getEnv "GOMODCACHE"}/cache/download";
            outputHashMode = "recursive";
            outputHash = vendorHash;
          }
        ) ''
          export HOME=$TMPDIR GOPATH=$TMPDIR/go
          cp -r ${src} source; chmod -R u+w source; cd source
          go mod vendor; chmod -R u+w "$GOPATH"; cp -r vendor $out
        '';
      in
      build "${pname}-${version}"
        (
          goEnvironment
          // {
            CGO_ENABLED = toString env.CGO_ENABLED;
          }
        )
        ''
          export HOME=$TMPDIR
          cp -r ${src} source; chmod -R u+w source; cd source; cp -r ${vendor} vendor
          mkdir -p $out/bin
          for package in ${toString subPackages}; do
            go build -buildvcs=false -ldflags "${toString ldflags}" -o $out/bin/ ./$package
          done
          ${builtins.concatStringsSep "\n" (map (input: ". ${input}") nativeBuildInputs)}
          ${postInstall}
          ${builtins.concatStringsSep "\n" (map (input: ". ${input}") nativeInstallCheckInputs)}
          ${if doInstallCheck then "versionCheck $out/bin/${meta.mainProgram} ${version}" else ""}
        ''
      // {
        inherit
          pname
          version
          meta
          ldflags
          ;
      };

    installShellFiles = builtins.toFile "install-shell-files" ''
      installManPage() { install -Dm644 -t $out/share/man/man1 "$1"; gzip -9n "$out/share/man/man1/''${1##*/}"; }
      installShellCompletion() {
        while [ $# -gt 0 ]; do
          case $1 in
          --cmd) cmd=$2 ;;
          --bash) install -Dm644 "$2" $out/share/bash-completion/completions/$cmd.bash ;;
          --zsh) install -Dm644 "$2" $out/share/zsh/site-functions/_$cmd ;;
          --fish) install -Dm644 "$2" $out/share/fish/vendor_completions.d/$cmd.fish ;;
          --nushell) install -Dm644 "$2" $out/share/nushell/vendor/autoload/$cmd.nu ;;
          *) echo "installShellCompletion: $1?" >&2; exit 1 ;;
          esac
          shift 2
        done
      }
    '';

    mkShell =
      attrs:
      build "nix-shell" (
        {
          outputs = [ "out" ];
          nativeBuildInputs = attrs.packages;
          stdenv = build "stdenv" { inherit withInputs; } ''
            mkdir $out; echo "$withInputs" >$out/setup
          '';
        }
        // removeAttrs attrs [ "packages" ]
      ) "mkdir $out";

    bashInteractive = build "bash" { } "mkdir -p $out/bin; ln -s $(command -v bash) $out/bin/bash";
    nixfmt-tree = empty "nixfmt-tree";
    go_1_26 = empty "go";
    go-tools = empty "go-tools";
    gofumpt = empty "gofumpt";
    gopls = empty "gopls";
  };
  empty = name: build name { } "mkdir -p $out/bin";
in
packages
