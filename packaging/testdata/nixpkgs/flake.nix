# What flake.nix uses of nixpkgs, with the same behaviour, made of the programs of this machine: the tests put it in the
# place of the input nixpkgs, which is not to be had offline. Needs --impure (PATH, GOMODCACHE, GOCACHE).
{
  outputs =
    { self }:
    let
      lib = {
        inherit (builtins) concatMap;
        genAttrs =
          names: f:
          builtins.listToAttrs (
            map (name: {
              inherit name;
              value = f name;
            }) names
          );
        cleanSource = src: src;
        escapeShellArgs =
          args:
          builtins.concatStringsSep " " (
            map (arg: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] arg}'") args
          );
        hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
        licenses.asl20.spdxId = "Apache-2.0";
        platforms = {
          linux = [
            "x86_64-linux"
            "aarch64-linux"
          ];
          darwin = [
            "x86_64-darwin"
            "aarch64-darwin"
          ];
          freebsd = [ "x86_64-freebsd" ];
          netbsd = [ "x86_64-netbsd" ];
          openbsd = [ "x86_64-openbsd" ];
        };
        systems = [
          "x86_64-linux"
          "aarch64-linux"
          "x86_64-darwin"
          "aarch64-darwin"
        ];
      };
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs lib.systems (system: import ./packages.nix { inherit lib system; });
    };
}
