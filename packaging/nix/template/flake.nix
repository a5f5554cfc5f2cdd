{
  description = "A project whose dev shell keeps a socket open";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    systemfd.url = "github:systemfd/systemfd";
    systemfd.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, systemfd, ... }:
    {
      devShells =
        nixpkgs.lib.genAttrs
          [
            "x86_64-linux"
            "aarch64-linux"
            "x86_64-darwin"
            "aarch64-darwin"
          ]
          (system: {
            default = nixpkgs.legacyPackages.${system}.mkShell {
              packages = [ systemfd.packages.${system}.default ];
              # Connections queue while nothing serves them; `systemfd -- ./server` gets the socket, as often as you like.
              shellHook = systemfd.lib.shellHook { sockets = [ "http::3000" ]; };
            };
          });
    };
}
