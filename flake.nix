{
  description = "Opens sockets and hands them to a program by the systemd socket-activation protocol";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      forEachSystem =
        f:
        lib.genAttrs [
          "x86_64-linux"
          "aarch64-linux"
          "x86_64-darwin"
          "aarch64-darwin"
        ] (system: f nixpkgs.legacyPackages.${system} self.packages.${system}.default);

      # A flake does not see the tag; a release has its version as the first heading of the changelog.
      heading = builtins.head (
        builtins.elemAt (builtins.split "\n## ([^ \n]+)" (builtins.readFile ./CHANGELOG.md)) 1
      );
      date = builtins.concatStringsSep "-" (
        builtins.match "(.{4})(.{2})(.{2}).*" self.lastModifiedDate
      );
      package =
        pkgs:
        pkgs.callPackage ./packaging/nix/package.nix {
          buildGoModule = pkgs.buildGo126Module; # the Go that go.mod asks for
          version = if heading == "Unreleased" then "0-unstable-${date}" else heading;
          commit = self.rev or self.dirtyRev or "unknown";
          src = self;
        };
    in
    {
      packages = forEachSystem (pkgs: _: { default = package pkgs; });

      apps = forEachSystem (
        _: systemfd: {
          default = {
            type = "app";
            program = "${systemfd}/bin/systemfd";
            inherit (systemfd) meta;
          };
        }
      );

      # With it, pkgs.systemfd is this program: it takes the place of the Rust one, which nixpkgs has under that name.
      overlays.default = final: _: { systemfd = package final; };

      # The shellHook of a dev shell that has systemfd among its packages: the sockets are open from entering the
      # shell until it ends. flags are further flags of systemfd env.
      lib.shellHook =
        {
          sockets,
          flags ? [ ],
        }:
        let
          args = lib.concatMap (socket: [
            "-s"
            socket
          ]) sockets;
        in
        ''
          eval "$(systemfd env ${lib.escapeShellArgs (args ++ flags)})"
        '';

      devShells = forEachSystem (
        pkgs: systemfd: {
          # To work on systemfd.
          default = pkgs.mkShell {
            packages = [
              pkgs.go_1_26
              pkgs.go-tools
              pkgs.gofumpt
              pkgs.gopls
            ];
          };
          # How a project uses it; templates.default is a whole one.
          example = pkgs.mkShell {
            packages = [ systemfd ];
            shellHook = self.lib.shellHook { sockets = [ "http::3000" ]; };
          };
        }
      );

      checks = forEachSystem (
        pkgs: systemfd: {
          package = systemfd;
          # A strict reader accepts what it is passed.
          passes-a-socket = pkgs.runCommand "systemfd-passes-a-socket" {
            nativeBuildInputs = [ systemfd ];
            __darwinAllowLocalNetworking = true;
          } "systemfd -s http::0 -- systemfd inspect >$out";
        }
      );

      formatter = forEachSystem (pkgs: _: pkgs.nixfmt-tree);

      templates.default = {
        path = ./packaging/nix/template;
        description = "A project whose dev shell keeps a socket open";
      };
    };
}
